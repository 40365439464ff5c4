"""A gateway with everything real but clock, randomness and transport: a page, an agent and a virtual card.

A crash is an exception at a fault point: what was not committed is gone, what was is there, and whoever
called sees no answer and calls again, as real pages and agents do.
"""

import asyncio
import base64
import io
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from google.protobuf.message import Message
from joserfc import jwt
from smartcard_unlock.card_gateway.v1 import card_gateway_events_pb2
from smartcard_unlock.common.v1 import common_pb2
from sqlalchemy import event, select
from sqlalchemy.engine import make_url

from deploy.local.keys import Keys
from deploy.local.virtual_card import (
    Fault,
    FaultyCard,
    InProcessCard,
    VirtualCard,
    VirtualGids,
    make_card,
    make_gids_card,
)
from services.card_gateway import cards_file, tables
from services.card_gateway.__main__ import MIGRATIONS
from services.card_gateway.card import runner
from services.card_gateway.card.apdu import CHANGE_REFERENCE_DATA
from services.card_gateway.card.guard import Insertion
from services.card_gateway.card.profiles import piv
from services.card_gateway.card.proof import Purpose, challenge_digest
from services.card_gateway.card.script import End, Kind, Report, Script
from services.card_gateway.composition import Gateway, OwnAndOthersGrants, compose
from services.card_gateway.domain.journal import Rotation
from services.card_gateway.domain.readers import ReaderState
from services.card_gateway.domain.words import Reason, Route
from services.card_gateway.importing import Import
from services.card_gateway.master_keys import FileKeyProvider
from services.card_gateway.ports import Freshness
from services.card_gateway.rows import rotation_of
from services.card_gateway.use_cases.claiming import Caller, Claimed, Pairing
from services.card_gateway.use_cases.making import Wish
from services.card_gateway.use_cases.orders import Next, Order
from services.card_gateway.use_cases.pages import Seen
from services.card_gateway.vault import MasterVault
from services.runtime import faults, grants, hpke
from services.runtime.database import Database, migrate
from services.runtime.grants import (
    Grant,
    GrantSigner,
    GrantVerifier,
    HolderGrant,
    ProfileGrant,
    UnlockGrant,
    thumbprint,
)
from tests.fakes.clock import FakeClock
from tests.fakes.freshness import FakeFreshness
from tests.fakes.randomness import SeededRandomness
from tests.ports.at_once import answered

T = TypeVar("T")

OLD_PIN, OLD_PUK = "739154", "40718263"
NEW_PINS = ("860247", "52840713", "617283", "94031756", "28405917", "70316482")
CARD_REF, HOLDER_REF, RA_REF = "c1" * 16, "a1" * 16, "a9" * 16
GATEWAY_NAME = "gateway-of-a-test"

_KINDS: dict[str, type[Message]] = {
    kind.DESCRIPTOR.full_name: kind
    for kind in (
        card_gateway_events_pb2.SessionStarted,
        card_gateway_events_pb2.CardRead,
        card_gateway_events_pb2.SessionAuthorised,
        card_gateway_events_pb2.SecretReleased,
        common_pb2.SessionOutcome,
    )
}


class Crash(Exception):
    """The gateway died here."""


@contextmanager
def crash_at(point: str, times: int = 1) -> Iterator[list[str]]:
    """Let the gateway die at a fault point, so many times; yields the hits."""
    hits: list[str] = []

    def act(reached: str) -> None:
        if reached == point and len(hits) < times:
            hits.append(reached)
            raise Crash(point)

    before, faults.act = faults.act, act
    try:
        yield hits
    finally:
        faults.act = before


async def until_answered(call: Callable[[], Awaitable[T]]) -> T:
    """Call as a client does whose server dies under it: again, a few times."""
    for _ in range(3):
        try:
            return await as_served(call)
        except Crash:
            continue
    return await as_served(call)


async def as_served(call: Callable[[], Awaitable[T]]) -> T:
    """Call as the server does, and again as its caller does: until the database's faults have passed."""
    return await answered(call)


@dataclass
class Reader:
    """A virtual card in a reader."""

    port: InProcessCard
    insertion: Insertion = field(default_factory=Insertion)
    present: bool = True
    card_ref: str = CARD_REF

    @property
    def card(self) -> Any:
        return self.port.card.card

    @property
    def eeprom(self) -> Any:
        return self.port.card.card.eeprom

    def arm(self, kind: Any, at: int, value: float = 0) -> None:
        self.port.card.arm(Fault(kind, at, value))

    def reinsert(self) -> None:
        self.port.card.disarm()
        self.port.insert()
        self.insertion = Insertion()
        self.present = True


def card_in_reader(
    *, blocked: bool = True, card_ref: str = CARD_REF, **wishes: Any
) -> tuple[Reader, dict[str, Any]]:
    """A new card, and its line for the import."""
    eeprom, facts = make_card(pin=OLD_PIN, puk=OLD_PUK, blocked=blocked, **wishes)
    line = {
        "card_ref": card_ref,
        "profile": "PIV",
        "guid": facts.guid.hex(),
        "key_9e": base64.b64encode(facts.key_9e_der or b"").decode(),
        "expires_at": facts.expires_at.isoformat(),
        "key_9a": base64.b64encode(facts.key_9a_der).decode(),
        "puk": OLD_PUK,
    }
    return Reader(InProcessCard(FaultyCard(VirtualCard(eeprom))), card_ref=card_ref), line


def gids_card_in_reader(*, blocked: bool = True, **wishes: Any) -> tuple[Reader, dict[str, Any]]:
    """A new minidriver card, and its line for the import."""
    eeprom, facts = make_gids_card(pin=OLD_PIN, blocked=blocked, **wishes)
    line = {
        "card_ref": CARD_REF,
        "profile": "GIDS",
        "guid": facts.guid.hex(),
        "key_9e": "",
        "expires_at": facts.expires_at.isoformat(),
        "admin_key": facts.admin_key.hex(),
    }
    return Reader(InProcessCard(FaultyCard(VirtualGids(eeprom)))), line


@dataclass
class World:
    """One gateway, and what stands around it."""

    database: Database
    keys: Keys
    clock: FakeClock = field(default_factory=FakeClock)
    randomness: SeededRandomness = field(default_factory=SeededRandomness)
    freshness: Freshness = field(default_factory=FakeFreshness)
    pin_at_agent: bool = False
    remote_vouch: bool = False

    def __post_init__(self) -> None:
        keys = FileKeyProvider.from_dir(self.keys.card_master_dir, "k1")
        self.vault = MasterVault(keys, self.randomness)
        self.identity = GrantSigner.from_file("identity", self.keys.signing("identity"))
        self.otp = GrantSigner.from_file("otp", self.keys.signing("otp"))
        self.gateway = self.replica()
        self.statements: list[str] = []
        engine = self.database.engine.sync_engine
        event.listen(engine, "before_cursor_execute", self._count_statement)

    def _count_statement(self, _c: object, _k: object, statement: str, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            self.statements.append(statement)

    def profile_grant(self, holder_ref: str, **changes: Any) -> ProfileGrant:
        """Of an RA who is signed in by their own card, in a session before."""
        now = self.clock.now()
        grant = ProfileGrant(
            session_id=self.randomness.uuid7(),
            card_ref="e5" * 16,
            reason="SIGN_IN",
            route="SELF",
            agent_key_thumbprint="t" * 43,
            jti=self.randomness.uuid7(),
            issued_at=now,
            expires_at=now + timedelta(minutes=10),
            purpose="PROFILE",
            holder_ref=holder_ref,
            organisation="X26",
            roles="RA@X26",
        )
        return replace(grant, **changes)

    def replica(self, database: Database | None = None) -> Gateway:
        """A gateway on this database, or on another connection to it."""
        grants = OwnAndOthersGrants(
            GrantSigner.from_file("card_gateway", self.keys.signing("card_gateway")),
            GrantVerifier.from_dir(self.keys.verify_dir, "card_gateway", self.clock),
        )
        return compose(
            database or self.database,
            self.vault,
            grants,
            self.clock,
            self.randomness,
            self.freshness,
            GATEWAY_NAME,
            pin_at_agent=self.pin_at_agent,
            remote_vouch=self.remote_vouch,
        )

    def restart(self) -> None:
        """All that the process knew is gone."""
        self.gateway = self.replica()

    async def import_line(self, line: dict[str, Any]) -> list[Any]:
        """Import one card; what was refused."""
        stream = io.BytesIO(json.dumps(line).encode())
        remarks = Import(self.database, self.vault).run(cards_file.rows(stream))
        return [remark async for remark in remarks if not remark.taken]

    async def events(self, kind: str = "") -> list[Any]:
        async with self.database.read() as connection:
            found = (await connection.execute(select(tables.outbox).order_by(tables.outbox.c.seq))).all()
        parsed = [_KINDS[row.ce_type].FromString(row.value) for row in found]
        return [each for each in parsed if kind in ("", type(each).__name__)]

    async def outcomes(self, session_id: str = "") -> list[tuple[str, str]]:
        """Kind and code of each outcome told, in order."""
        return [
            (common_pb2.OutcomeKind.Name(each.kind).removeprefix("OUTCOME_KIND_"), each.code)
            for each in await self.events("SessionOutcome")
            if session_id in ("", each.session_id)
        ]

    async def journal(self) -> list[Rotation]:
        async with self.database.read() as connection:
            statement = select(tables.rotations).order_by(tables.rotations.c.rotation_id)
            return [rotation_of(dict(row)) for row in (await connection.execute(statement)).mappings()]

    async def secret(self, card_ref: str = CARD_REF) -> Any:
        async with self.gateway.outside.books.read() as view:
            return await view.secret(card_ref)

    async def puks_possible(self, card_ref: str = CARD_REF) -> set[bytes]:
        """What stands in the card as far as the books know: one PUK, or the two of an open row."""
        secret, rows = await self.secret(card_ref), await self.journal()
        opened = [row for row in rows if row.is_open and row.card_ref == card_ref]
        pairs = [(row.version, row.kid) for row in opened] + [
            (row.next_version, row.next_kid) for row in opened
        ]
        return {await self.vault._puk(piv, secret, *pair) for pair in pairs or [(secret.version, secret.kid)]}

    async def sweep(self) -> int:
        return await until_answered(self.gateway.sweeping.turn)


@dataclass
class Agent:
    """An agent: its key, its token, and the report that it keeps until it is answered."""

    world: World
    reader: Reader
    key: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)
    session_id: str = ""
    token: str = field(default="", repr=False)
    offer: Any = None
    reports: dict[str, Report] = field(default_factory=dict)
    """By step: a step is run once, and its report repeated."""
    types: tuple[str, str] = ("", "")
    """The new and the current PIN, where no page seals them."""

    @property
    def public_key(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    @property
    def facts(self) -> ReaderState:
        return ReaderState.CARD if self.reader.present else ReaderState.NO_CARD

    async def attach(self) -> "Agent":
        attempt = self.world.randomness.uuid7()
        attached = await until_answered(
            lambda: self.world.gateway.agents.attach(self.public_key, self.facts, attempt)
        )
        self.session_id, self.token = attached.session.session_id, attached.agent_token
        self.offer = attached.offer
        return self

    async def poll(self) -> Next:
        return await until_answered(
            lambda: self.world.gateway.agents.next_step(self.session_id, self.token, self.facts, 0)
        )

    async def work(self, turns: int = 3) -> None:
        """Do what there is to do, until there is nothing."""
        for _ in range(turns):
            found = await self.poll()
            while isinstance(found, Order):
                following = await self.do(found)
                if following is None:
                    break
                found = following
            else:
                return

    async def do(self, order: Order) -> Order | None:
        return await self.send(order, self.run(order))

    async def send(self, order: Order, report: Report) -> Order | None:
        return await until_answered(
            lambda: self.world.gateway.agents.report_step(
                self.session_id, self.token, order.step.step_id, report
            )
        )

    def run(self, order: Order) -> Report:
        """Run a step as an agent does: once, not past its time, and with the PIN out of its seal."""
        if order.step.step_id not in self.reports:
            self.reports[order.step.step_id] = self._run(order)
        return self.reports[order.step.step_id]

    def _run(self, order: Order) -> Report:
        if self.world.clock.now() >= order.step.begin_before:
            return Report((), End.NOT_RUN)
        signs_in = order.script.kind is Kind.PROVE_HOLDER
        purpose = Purpose.READ if order.script.kind is Kind.READ else Purpose.RESET
        purpose = Purpose.SIGN_IN if signs_in else purpose
        digest = challenge_digest(purpose, GATEWAY_NAME, self.session_id, order.step.nonce, self.public_key)
        fill = runner.Fill(
            pin=self._pin(order),
            digest=digest,
            current_pin=self._current_pin(order),
            last_try=order.step.last_try,
        )
        report = runner.run(order.script, self.reader.port, fill, self.reader.insertion)
        if not order.script.leave_open:
            self.reader.port.reset()
        self.reader.present = self.reader.port._present
        return report

    def _pin(self, order: Order) -> str | None:
        if order.script.kind not in (Kind.RESET, Kind.RECOVER, Kind.CHANGE):
            return None
        if not order.step.sealed_pin:
            return self.types[0]
        info = hpke.pin_info(self.session_id, order.step.pin_attempt_id)
        return hpke.open_sealed(self.key, order.step.sealed_pin, info).decode()

    def _current_pin(self, order: Order) -> str | None:
        if order.script.kind is Kind.PROVE_HOLDER:
            info = hpke.sign_in_pin_info(self.session_id, order.step.pin_attempt_id)
            return hpke.open_sealed(self.key, order.step.sealed_current_pin, info).decode()
        if order.script.kind is not Kind.CHANGE:
            return None
        if not order.step.sealed_current_pin:
            return self.types[1]
        info = hpke.current_pin_info(self.session_id, order.step.pin_attempt_id)
        return hpke.open_sealed(self.key, order.step.sealed_current_pin, info).decode()


@dataclass
class Page:
    """A page, with identity and otp behind it."""

    world: World
    agent: Agent
    claim: str = field(default="", repr=False)
    reason: Reason = Reason.LOCKED
    ra: str = ""
    """The RA who is there, by reference; empty where the holder comes alone."""

    @property
    def session_id(self) -> str:
        return self.agent.session_id

    @property
    def caller(self) -> Caller:
        if not self.ra:
            return Caller(self.reason)
        grant = self.world.identity.sign(self.world.profile_grant(self.ra))
        return Caller(self.reason, Route.RA_IN_PERSON, grant)

    async def start(self) -> "Page":
        attempt = self.world.randomness.uuid7()
        pairing = Pairing(address_token=self.agent.offer.token)
        claimed = await until_answered(
            lambda: self.world.gateway.claiming.start_session(pairing, self.caller, attempt, "")
        )
        assert isinstance(claimed, Claimed)
        self.claim = claimed.claim
        return self

    async def see(self) -> Seen:
        return await self.world.gateway.pages.get_session(self.session_id, self.claim, 0, 0)

    async def state(self) -> tuple[str, str]:
        session = (await self.see()).session
        return session.state.value, session.code

    def holder_grant(self, **changes: Any) -> HolderGrant:
        now = self.world.clock.now()
        grant = HolderGrant(
            session_id=self.session_id,
            card_ref=self.agent.reader.card_ref,
            reason=self.reason.value,
            route="RA_IN_PERSON" if self.ra else "SELF",
            agent_key_thumbprint=thumbprint(self.agent.public_key),
            jti=self.world.randomness.uuid7(),
            issued_at=now,
            expires_at=now + timedelta(minutes=5),
            purpose="UNLOCK",
            holder_ref=HOLDER_REF,
            organisation="X26",
            address_version=1,
            address_set_at=now - timedelta(days=100),
            address_set_by="import",
        )
        return replace(grant, **changes)

    def unlock_grant(self, **changes: Any) -> UnlockGrant:
        base = self.holder_grant()
        shared = {
            name: getattr(base, name)
            for name in (
                "session_id", "card_ref", "reason", "route", "agent_key_thumbprint", "jti", "issued_at",
                "expires_at", "purpose", "holder_ref",
            )
        }  # fmt: skip
        kind = "RA" if self.ra else "HOLDER"
        grant = UnlockGrant(**shared, actor_kind=kind, actor_ref=self.ra or HOLDER_REF)
        return replace(grant, **changes)

    async def authorise(
        self, unlock: UnlockGrant | None = None, holder: HolderGrant | None = None, attempt: str = ""
    ) -> str:
        attempt = attempt or self.world.randomness.uuid7()
        await self.follow_reason()
        signer = self.world.identity if self.ra else self.world.otp
        unlock_token = signed(signer, unlock or self.unlock_grant())
        holder_token = self.world.identity.sign(holder or self.holder_grant())
        return await until_answered(
            lambda: self.world.gateway.pages.authorise(
                self.session_id, self.claim, unlock_token, holder_token, attempt
            )
        )

    async def follow_reason(self) -> None:
        """Speak of the session's reason from now on, as identity does, which reads the CardGrant."""
        self.reason = (await self.see()).session.reason or self.reason

    async def reset_pin(
        self,
        pin: str,
        holder: HolderGrant | None = None,
        attempt: str = "",
        *,
        current: str = "",
        last_try: bool = False,
    ) -> str:
        """`current`: reason CHANGE only. An empty PIN is not sealed: it is typed at the agent."""
        attempt = attempt or self.world.randomness.uuid7()
        await self.follow_reason()
        sealed = self._sealed(pin, hpke.pin_info(self.session_id, attempt)) if pin else b""
        wish = Wish(sealed, attempt, last_try=last_try)
        if current:
            sealed = self._sealed(current, hpke.current_pin_info(self.session_id, attempt))
            wish = replace(wish, sealed_current_pin=sealed)
        token = self.world.identity.sign(holder or self.holder_grant())
        return await until_answered(
            lambda: self.world.gateway.pages.reset_pin(self.session_id, self.claim, wish, token)
        )

    async def prove_holder(self, pin: str, attempt: str = "", *, last_try: bool = False) -> str:
        attempt = attempt or self.world.randomness.uuid7()
        sealed = self._sealed(pin, hpke.sign_in_pin_info(self.session_id, attempt)) if pin else b""
        wish = Wish(b"", attempt, sealed, last_try)
        return await until_answered(
            lambda: self.world.gateway.signing_in.prove_holder(self.session_id, self.claim, wish)
        )

    async def change_reason(self, reason: Reason, attempt: str = "") -> str:
        attempt = attempt or self.world.randomness.uuid7()
        return await until_answered(
            lambda: self.world.gateway.pages.change_reason(self.session_id, self.claim, reason, attempt)
        )

    def _sealed(self, pin: str, info: bytes) -> bytes:
        return hpke.seal(self.agent.public_key, pin.encode(), info)


def signed(signer: GrantSigner, grant: Grant) -> str:
    """Signed by the right key, also where our own signer would not say such a thing."""
    claims = grants._claims_of(grant) | {"iss": signer.issuer, "aud": sorted(grant.audiences)}
    header = {"alg": grants.ALGORITHM, "typ": grant.typ, "kid": signer._kid}
    return jwt.encode(header, claims, signer._key, algorithms=[grants.ALGORITHM])


def padded(pin: str) -> bytes:
    return pin.encode().ljust(8, b"\xff")


def puks_in(script: Script) -> set[bytes]:
    """What a workstation learns that is given this script."""
    carrying = [step.command for step in script.steps if step.carries_puk and not step.answers_challenge]
    firsts = {command.data[:8] for command in carrying}
    return firsts | {command.data[8:] for command in carrying if command.ins == CHANGE_REFERENCE_DATA}


async def session_with_card(
    world: World, reader: Reader, reason: Reason = Reason.LOCKED, ra: str = ""
) -> tuple[Agent, Page]:
    """A claimed session whose card was read; with `ra`, that RA sits there."""
    agent = await Agent(world, reader).attach()
    page = await Page(world, agent, reason=reason, ra=ra).start()
    await agent.work()
    return agent, page


async def authorised(world: World, reader: Reader, reason: Reason = Reason.LOCKED) -> tuple[Agent, Page]:
    """A session that is AUTHORISED."""
    agent, page = await session_with_card(world, reader, reason)
    assert await page.authorise() == ""
    return agent, page


@asynccontextmanager
async def memory_world(keys: Keys) -> AsyncIterator[World]:
    """A world on SQLite in memory, with the tables of the code."""
    database = Database("sqlite+aiosqlite://")
    async with database.engine.begin() as connection:
        await connection.run_sync(tables.metadata.create_all)
    yield World(database, keys)
    await database.close()


def migrated(url: str) -> None:
    """Migrate from outside any event loop."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: asyncio.run(migrate(url, MIGRATIONS))).result()


@pytest.fixture(scope="session")
def migrated_gateway(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("card_gateway") / "card_gateway.db"
    migrated(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_gateway_on_postgres(request: pytest.FixtureRequest) -> str:
    """The name of a migrated database, to be copied."""
    url: str = request.getfixturevalue("postgres").create_database()
    migrated(url)
    return make_url(url).database or ""


@asynccontextmanager
async def sqlite_world(path: Path, copy_of: Path, keys: Keys) -> AsyncIterator[World]:
    shutil.copy(copy_of, path)
    database = Database(f"sqlite+aiosqlite:///{path}")
    yield World(database, keys)
    await database.close()


@asynccontextmanager
async def postgres_world(request: pytest.FixtureRequest, keys: Keys) -> AsyncIterator[World]:
    template = request.getfixturevalue("migrated_gateway_on_postgres")
    database = Database(request.getfixturevalue("postgres").create_database(template=template))
    yield World(database, keys)
    await database.close()
