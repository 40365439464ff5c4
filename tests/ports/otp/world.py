"""otp with everything real but clock and randomness, on SQLite or PostgreSQL."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from google.protobuf.message import Message
from smartcard_unlock.common.v1 import common_pb2
from smartcard_unlock.otp.v1 import otp_events_pb2
from sqlalchemy import event, select
from sqlalchemy.engine import make_url

from deploy.local.keys import Keys
from services.otp.__main__ import MIGRATIONS
from services.otp.clearing import Clearing
from services.otp.domain.policy import Policy
from services.otp.events import event_of
from services.otp.sealing import CodeKey, CodeKeys, NotifierKey
from services.otp.storage import SqlStore
from services.otp.tables import outbox
from services.otp.use_cases import REGISTER, UNLOCK, CodesFor, OneTimeCodes, Parts
from services.runtime import hpke
from services.runtime.database import Database, migrate
from services.runtime.grants import (
    GrantSigner,
    GrantVerifier,
    HolderGrant,
    ProfileGrant,
    RegistrationGrant,
    UnlockGrant,
)
from services.runtime.randomness import SystemRandomness
from tests.fakes.clock import NOON, FakeClock

KINDS: dict[str, type[Message]] = {
    kind.DESCRIPTOR.full_name: kind
    for kind in (
        otp_events_pb2.CodeIssued,
        otp_events_pb2.CodeRequested,
        otp_events_pb2.CodeEntered,
        otp_events_pb2.GuessingSpread,
        otp_events_pb2.LockClearedByRa,
        common_pb2.SessionOutcome,
    )
}

GRANT = HolderGrant(
    session_id="0195573c-0000-7000-8000-000000000001",
    card_ref="c1" * 16,
    reason="LOCKED",
    route="SELF",
    agent_key_thumbprint="t" * 43,
    jti="0195573c-0000-7000-8000-00000000000a",
    issued_at=NOON,
    expires_at=NOON + timedelta(minutes=5),
    purpose="UNLOCK",
    holder_ref="a1" * 16,
    organisation="X26",
    address_version=1,
    address_set_at=NOON - timedelta(days=100),
    address_set_by="import",
)

REGISTRATION = RegistrationGrant(
    session_id=GRANT.session_id,
    card_ref=GRANT.card_ref,
    reason="SIGN_IN",
    route="SELF",
    agent_key_thumbprint="t" * 43,
    jti="0195573c-0000-7000-8000-00000000000b",
    issued_at=NOON,
    expires_at=NOON + timedelta(minutes=20),
    purpose="REGISTER",
    holder_ref=GRANT.holder_ref,
    organisation="X26",
    address_version=1,
)

RA = ProfileGrant(
    session_id="0195573c-0000-7000-8000-0000000000aa",
    card_ref="c9" * 16,
    reason="CHANGE",
    route="SELF",
    agent_key_thumbprint="t" * 43,
    jti="0195573c-0000-7000-8000-0000000000ab",
    issued_at=NOON,
    expires_at=NOON + timedelta(minutes=10),
    purpose="PROFILE",
    holder_ref="a9" * 16,
    organisation="X26",
    roles="RA@X26",
)


@dataclass
class World:
    """One otp service and what stands around it."""

    database: Database
    keys: Keys
    clock: FakeClock
    policy: Policy = field(default_factory=Policy)
    statements: list[str] = field(default_factory=list)
    commits: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.codes = self.service()
        self.registrations = self.service(use=REGISTER)
        self.clearing = Clearing(
            SqlStore(self.database, event_of, SystemRandomness()),
            self.clock,
            SystemRandomness(),
            GrantVerifier.from_dir(self.keys.verify_dir, "otp", self.clock),
            self.policy,
        )
        self._identity = GrantSigner.from_file("identity", self.keys.signing("identity"))
        self._attempts = 0
        engine = self.database.engine.sync_engine
        event.listen(engine, "before_cursor_execute", self._count_statement)
        event.listen(engine, "commit", lambda _: self.commits.append("commit"))

    def _count_statement(self, _c: object, _k: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            self.statements.append(statement)

    def service(
        self,
        database: Database | None = None,
        policy: Policy | None = None,
        code_keys: CodeKeys | None = None,
        use: CodesFor = UNLOCK,
    ) -> OneTimeCodes:
        """Return a replica of otp, on the same database or another connection to it."""
        randomness = SystemRandomness()
        return OneTimeCodes(
            Parts(
                store=SqlStore(database or self.database, event_of, randomness),
                clock=self.clock,
                randomness=randomness,
                digests=code_keys or CodeKeys(CodeKey.from_file(self.keys.otp_code)),
                sealer=NotifierKey.from_file(self.keys.notifier_public),
                grants=GrantVerifier.from_dir(self.keys.verify_dir, "otp", self.clock),
                signer=GrantSigner.from_file("otp", self.keys.signing("otp")),
                policy=policy or self.policy,
            ),
            use,
        )

    def grant(self, **changes: Any) -> str:
        """Return identity's word on a holder, as of now."""
        now = self.clock.now()
        fresh = {"issued_at": now, "expires_at": now + timedelta(minutes=5)}
        return self._identity.sign(replace(GRANT, **(fresh | changes)))

    def registration_grant(self, **changes: Any) -> str:
        """Return identity's word on a holder who registers, as of now."""
        now = self.clock.now()
        fresh = {"issued_at": now, "expires_at": now + timedelta(minutes=20)}
        return self._identity.sign(replace(REGISTRATION, **(fresh | changes)))

    def signed_in(self, **changes: Any) -> str:
        """Return identity's word on an RA who is signed in, as of now."""
        now = self.clock.now()
        fresh = {"issued_at": now, "expires_at": now + timedelta(minutes=10)}
        return self._identity.sign(replace(RA, **(fresh | changes)))

    def attempt(self) -> str:
        """Return an attempt id that was not used before."""
        self._attempts += 1
        return f"00000000-0000-7000-8000-{self._attempts:012d}"

    async def issue(self, **changes: Any) -> Any:
        return await self.codes.issue(self.grant(**changes), self.attempt())

    async def redeem(self, typed: str, **changes: Any) -> Any:
        return await self.codes.redeem(self.grant(**changes), typed, self.attempt())

    async def told(self, kind: type[Message] | None = None) -> list[Any]:
        """Return the messages in the outbox, in order."""
        async with self.database.read() as connection:
            rows = (await connection.execute(select(outbox).order_by(outbox.c.seq))).all()
        messages = [KINDS[row.ce_type].FromString(row.value) for row in rows]
        return [message for message in messages if kind is None or isinstance(message, kind)]

    async def mailed(self) -> list[str]:
        """Return the digits of every code issued, as the notifier would open them."""
        private = load_pem_private_key(self.keys.notifier_private.read_bytes(), None)
        assert isinstance(private, X25519PrivateKey)
        issued = await self.told(otp_events_pb2.CodeIssued)
        return [hpke.open_sealed(private, each.sealed_code, context_of(each)).decode() for each in issued]

    async def code(self) -> str:
        """Return the digits of the newest code."""
        return (await self.mailed())[-1]

    async def wrong(self) -> str:
        """Return digits that are no code of this world."""
        known = await self.mailed()
        return next(digits for digits in map("{:08d}".format, range(10)) if digits not in known)

    def verify(self, token: str) -> UnlockGrant:
        """Return the grant as card_gateway reads it."""
        return GrantVerifier.from_dir(self.keys.verify_dir, "card_gateway", self.clock).verify(
            token, UnlockGrant
        )


def context_of(issued: otp_events_pb2.CodeIssued) -> bytes:
    expires_at = issued.expires_at.ToDatetime(UTC)
    return hpke.code_info(issued.code_id, issued.session_id, expires_at, issued.address_version)


def migrated(url: str) -> None:
    """Migrate from outside any event loop."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(migrate(url, MIGRATIONS))).result()


@pytest.fixture(scope="session")
def migrated_otp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("otp") / "otp.db"
    migrated(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_otp_on_postgres(request: pytest.FixtureRequest) -> str:
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
    template = request.getfixturevalue("migrated_otp_on_postgres")
    database = Database(request.getfixturevalue("postgres").create_database(template=template))
    yield World(database, keys, FakeClock())
    await database.close()
