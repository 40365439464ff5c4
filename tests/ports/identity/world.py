"""identity with everything real but the clock, on SQLite or PostgreSQL."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from google.protobuf.message import Message
from joserfc import jwt
from joserfc.jwk import OctKey
from smartcard_unlock.common.v1 import common_pb2
from smartcard_unlock.identity.v1 import identity_events_pb2
from sqlalchemy import event, select, update
from sqlalchemy.engine import make_url

from deploy.local.keys import Keys
from services.identity.__main__ import MIGRATIONS
from services.identity.answer_hashes import Argon2Answers
from services.identity.colleague_codes import ColleagueCodes
from services.identity.directory import Import, Remark
from services.identity.events import event_of
from services.identity.finding import Finder
from services.identity.mobile_numbers import LibphonenumberNumbers
from services.identity.name_index import NameIndex
from services.identity.registry import SqlRegistry
from services.identity.storage import SqlStore
from services.identity.tables import cards, holders, outbox
from services.identity.use_cases import Holders, Parts
from services.identity.use_cases.answering import Answering
from services.identity.use_cases.asking_colleagues import Asking
from services.identity.use_cases.colleagues import Colleagues
from services.identity.use_cases.desk import Desk
from services.identity.use_cases.desk_acts import DeskActs
from services.identity.use_cases.profiles import Profiles, SignedIn
from services.identity.use_cases.registering import Registering
from services.identity.use_cases.second_ra import SecondRa
from services.identity.use_cases.telling import Telling
from services.identity.use_cases.vouching import Vouching
from services.runtime import grants
from services.runtime.database import Database, migrate
from services.runtime.grants import (
    CardGrant,
    Grant,
    GrantSigner,
    GrantVerifier,
    HolderGrant,
    MailboxGrant,
)
from services.runtime.randomness import SystemRandomness
from tests.fakes.clock import NOON, FakeClock

KINDS: dict[str, type[Message]] = {
    kind.DESCRIPTOR.full_name: kind
    for kind in (
        common_pb2.SessionOutcome,
        identity_events_pb2.HoldersImported,
        identity_events_pb2.AllowListChanged,
        identity_events_pb2.ContactChanged,
        identity_events_pb2.CardFrozen,
        identity_events_pb2.VouchedInPerson,
        identity_events_pb2.ColleagueVouched,
        identity_events_pb2.FreezeLifted,
        identity_events_pb2.HolderRegistered,
        identity_events_pb2.QuestionsAnswered,
        identity_events_pb2.AnswersLockCleared,
        identity_events_pb2.AddressProposed,
        identity_events_pb2.AddressProposalEnded,
    )
}

CARD_REF = "c1" * 16

CARD_GRANT = CardGrant(
    session_id="0195573c-0000-7000-8000-000000000001",
    card_ref=CARD_REF,
    reason="LOCKED",
    route="SELF",
    agent_key_thumbprint="t" * 43,
    jti="0195573c-0000-7000-8000-00000000000c",
    issued_at=NOON,
    expires_at=NOON + timedelta(minutes=45),
    purpose="UNLOCK",
    level="GENUINE",
    certificate_expires_at=NOON + timedelta(days=400),
)

CONTACT = {"telephone": "01632 960000", "email": "ra@example.org", "opening_hours": "Mon-Fri 9-17"}
ORGANISATION = {
    "kind": "organisation",
    "code": "X26",
    "name": "Example Hospital",
    "registration_authority": CONTACT,
}
DOMAIN = {"kind": "allowed_domain", "domain": "example.org"}
HOLDER = {
    "kind": "holder",
    "id": "test-holder-0001",
    "organisation": "X26",
    "name": "Test Holder One",
    "email": "test-holder-0001@example.org",
}
CARD = {
    "kind": "card",
    "card_ref": CARD_REF,
    "holder": "test-holder-0001",
    "certificate_expires_at": "2027-03-02T12:00:00Z",
}


ADDRESSES_PER_DAY = 3
OTHER_ORGANISATION = ORGANISATION | {"code": "Y77", "name": "Other Clinic"}
RA_CARD, NEIGHBOUR_CARD = "a1" * 16, "e5" * 16
RA_RECORDS: tuple[dict[str, Any], ...] = (
    HOLDER | {"id": "test-holder-0009", "name": "Test Registrar", "email": "registrar@example.org"},
    CARD | {"card_ref": RA_CARD, "holder": "test-holder-0009"},
    {"kind": "role", "holder": "test-holder-0009", "role": "RA", "organisation": "X26"},
)
NEIGHBOUR_RECORDS: tuple[dict[str, Any], ...] = (
    HOLDER | {"id": "test-holder-0077", "name": "Test Holder One", "organisation": "Y77"},
    CARD | {"card_ref": NEIGHBOUR_CARD, "holder": "test-holder-0077"},
)


@dataclass
class World:
    """One identity service and its registry."""

    database: Database
    keys: Keys
    clock: FakeClock
    counts: dict[str, int] = field(default_factory=dict)
    statements: list[str] = field(default_factory=list)
    questions: bool = False
    """The policy of the old service's registration."""
    remote_vouch: bool = False
    """The policy of two colleagues who vouch from afar."""

    def __post_init__(self) -> None:
        randomness = SystemRandomness()
        self.store = SqlStore(self.database, event_of, randomness)
        parts = Parts(
            store=self.store,
            clock=self.clock,
            randomness=randomness,
            grants=GrantVerifier.from_dir(self.keys.verify_dir, "identity", self.clock),
            signer=GrantSigner.from_file("identity", self.keys.signing("identity")),
            questions=self.questions,
            remote_vouch=self.remote_vouch,
        )
        hashes = Argon2Answers(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        self.holders, self.profiles = Holders(parts), Profiles(parts, LibphonenumberNumbers())
        self.telling = Telling(parts, self.holders)
        self.desk = Desk(parts, NameIndex, ADDRESSES_PER_DAY)
        self.acts = DeskActs(parts, ADDRESSES_PER_DAY)
        self.two_ras = DeskActs(parts, ADDRESSES_PER_DAY, second_ra=True)
        self.second = SecondRa(parts, ADDRESSES_PER_DAY)
        self.vouching = Vouching(parts)
        codes = ColleagueCodes.from_file(self.keys.signing("identity"))
        self.asking_colleagues, self.colleagues = Asking(parts, codes), Colleagues(parts, codes)
        self.registering = Registering(parts, self.profiles, hashes)
        self.answering = Answering(parts, self.holders, hashes)
        self.finder = Finder(SqlStore(self.database, event_of, randomness), self.clock, NameIndex)
        self._gateway = GrantSigner.from_file("card_gateway", self.keys.signing("card_gateway"))
        event.listen(self.database.engine.sync_engine, "before_cursor_execute", self._count)

    def _count(self, _c: object, _k: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            self.statements.append(statement)

    async def take(self, *records: dict[str, Any] | str) -> list[Remark]:
        """Import records (or raw lines)."""
        lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
        return await self.take_lines(lines)

    async def take_lines(self, lines: Iterable[str]) -> list[Remark]:
        run = Import(SqlRegistry(self.database, event_of, SystemRandomness(), self.clock))
        remarks = [remark async for remark in run.run(lines)]
        self.counts = run.counts
        return remarks

    async def populate(
        self, holder: dict[str, Any] | None = None, card: dict[str, Any] | None = None
    ) -> None:
        """Import one organisation, holder and card, changed as said."""
        await self.take(ORGANISATION, DOMAIN, HOLDER | (holder or {}), CARD | (card or {}))

    def grant(self, **changes: Any) -> str:
        """Return card_gateway's word on a card."""
        return self._gateway.sign(replace(CARD_GRANT, **changes))

    async def resolve(self, **changes: Any) -> Any:
        return await self.holders.resolve(self.grant(**changes))

    async def sign_in(self, **changes: Any) -> Any:
        """Sign in by a card on which its holder was proven."""
        proven = {"purpose": "PROFILE", "level": "HOLDER_VERIFIED", "reason": "SIGN_IN"}
        five = {"expires_at": self.clock.now() + timedelta(minutes=5), "issued_at": self.clock.now()}
        return await self.profiles.sign_in(self.grant(**(proven | five | changes)))

    async def profile_grant(self, **changes: Any) -> str:
        signed_in = await self.sign_in(**changes)
        assert isinstance(signed_in, SignedIn)
        return signed_in.profile_grant

    def signed_by_identity(self, grant: Grant, **claims: Any) -> str:
        """Signed by identity's own key, also what it would never say; `claims` over the grant's own."""
        said = grants._claims_of(grant) | {"iss": "identity", "aud": sorted(grant.audiences)} | claims
        return self._encoded(said, grants.ALGORITHM, grant.typ)

    def forged(self, grant: Grant, wrong: str) -> str:
        """A token with one thing wrong."""
        said = grants._claims_of(grant) | {"iss": "identity", "aud": sorted(grant.audiences)}
        match wrong:
            case "aud" | "iss" | "extra":
                return self._encoded(said | {wrong: "otp"}, grants.ALGORITHM, grant.typ)
            case "typ":
                return self._encoded(said, grants.ALGORITHM, "holder-grant+jwt")
            case "kid":
                return self._encoded(said, grants.ALGORITHM, grant.typ, kid="another")
            case "alg":
                return self._encoded(said, "HS256", grant.typ)
        return self._encoded(said, grants.ALGORITHM, grant.typ)[:-4] + "AAAA"

    def _encoded(self, claims: dict[str, Any], algorithm: str, typ: str, kid: str = "") -> str:
        signer = GrantSigner.from_file("identity", self.keys.signing("identity"))
        header = {"alg": algorithm, "typ": typ, "kid": kid or signer._kid}
        # The confusion of RFC 8725, 3.1: the public key taken for a shared secret.
        key = (
            signer._key if algorithm == grants.ALGORITHM else OctKey.import_key(b"the public key's bytes" * 2)
        )
        return jwt.encode(header, claims, key, algorithms=[algorithm])

    async def populate_desk(self) -> str:
        """A holder, a colleague who is the RA of their organisation, and a neighbour elsewhere.

        Returns the RA's grant.
        """
        await self.populate()
        await self.take(OTHER_ORGANISATION, *RA_RECORDS, *NEIGHBOUR_RECORDS)
        return await self.profile_grant(card_ref=RA_CARD)

    def asking(self) -> "World":
        """The same service where security questions are asked."""
        return World(self.database, self.keys, self.clock, questions=True)

    def with_colleagues(self) -> "World":
        """The same service where two colleagues may vouch from afar."""
        return World(self.database, self.keys, self.clock, remote_vouch=True)

    async def mailbox_grant(self, **changes: Any) -> str:
        """otp's word that the code of a registration was typed."""
        now = self.clock.now()
        said = MailboxGrant(
            session_id=CARD_GRANT.session_id,
            card_ref=CARD_REF,
            reason="SIGN_IN",
            route="SELF",
            agent_key_thumbprint="t" * 43,
            jti="0195573c-0000-7000-8000-0000000000dd",
            issued_at=now,
            expires_at=now + timedelta(minutes=5),
            purpose="REGISTER",
            holder_ref=await self.holder_ref(),
            address_version=1,
        )
        return GrantSigner.from_file("otp", self.keys.signing("otp")).sign(replace(said, **changes))

    async def move_card(self, holder_id: str) -> None:
        """Give every card to a holder, as no import does."""
        ref = await self.holder_ref(holder_id)
        async with self.database.begin("test.move") as connection:
            await connection.execute(update(cards).values(holder_ref=ref))

    def verify(self, token: str) -> HolderGrant:
        """Return the grant as otp reads it."""
        return GrantVerifier.from_dir(self.keys.verify_dir, "otp", self.clock).verify(token, HolderGrant)

    async def told(self, kind: type[Message]) -> list[Any]:
        """Return the messages of a kind in the outbox, in order."""
        async with self.database.read() as connection:
            rows = (await connection.execute(select(outbox).order_by(outbox.c.seq))).all()
        messages = [KINDS[row.ce_type].FromString(row.value) for row in rows]
        return [message for message in messages if isinstance(message, kind)]

    async def holder_ref(self, holder_id: str = "test-holder-0001") -> str:
        chosen = select(holders.c.holder_ref).where(holders.c.holder_id == holder_id)
        async with self.database.read() as connection:
            return str((await connection.execute(chosen)).scalar_one())

    async def set_card_status(self, status: str, card_ref: str = "") -> None:
        """Do what freezing does, to one card or to all."""
        change = update(cards).values(status=status)
        async with self.database.begin("test.freeze") as connection:
            await connection.execute(change.where(cards.c.card_ref == card_ref) if card_ref else change)


def migrated(url: str) -> None:
    """Migrate from outside any event loop."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(migrate(url, MIGRATIONS))).result()


@pytest.fixture(scope="session")
def migrated_identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("identity") / "identity.db"
    migrated(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_identity_on_postgres(request: pytest.FixtureRequest) -> str:
    """The name of a migrated database, to be copied."""
    url: str = request.getfixturevalue("postgres").create_database()
    migrated(url)
    return make_url(url).database or ""


async def sqlite_world(path: Path, copy_of: Path, keys: Keys) -> AsyncIterator[World]:
    shutil.copy(copy_of, path)
    database = Database(f"sqlite+aiosqlite:///{path}")
    yield World(database, keys, FakeClock())
    await database.close()


async def postgres_world(request: pytest.FixtureRequest, keys: Keys) -> AsyncIterator[World]:
    template = request.getfixturevalue("migrated_identity_on_postgres")
    database = Database(request.getfixturevalue("postgres").create_database(template=template))
    yield World(database, keys, FakeClock())
    await database.close()
