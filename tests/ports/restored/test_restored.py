"""F34: otp, identity and notifier on an older copy of their database: they see it, wait, catch up and go on.

Real Kafka and the real relay, on both databases; the commands as an operator types them.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from smartcard_unlock.otp.v1 import otp_pb2, otp_pb2_grpc

from deploy.local.child import Child, free_port, wait_until
from deploy.local.kafka import Kafka
from deploy.local.keys import Keys
from services.identity import catching_up as identity_again
from services.identity import events as identity_events
from services.identity.use_cases import Asked, Refused, Resolved
from services.identity.use_cases.acting import Errand
from services.identity.use_cases.asking_colleagues import Words
from services.identity.use_cases.colleagues import Given
from services.identity.use_cases.desk import DAY
from services.identity.use_cases.telling import Kind
from services.notifier import catching_up as notifier_again
from services.notifier import events as notifier_events
from services.otp import catching_up as otp_again
from services.otp import events as otp_events
from services.otp.domain.facts import Verdict
from services.otp.domain.issue import Refusal
from services.runtime.catching_up import Again, Books, CaughtUp, catch_up
from services.runtime.database import Database
from services.runtime.errors import ServiceError
from services.runtime.freshness import TopicFreshness
from services.runtime.grpc_client import connect
from services.runtime.probe import main as probe
from services.runtime.randomness import SystemRandomness
from services.runtime.told import read_back
from tests.architecture.test_k8s_probe import mounted
from tests.ports.bare_calls import tls_of
from tests.ports.copies import Copies, anew, by_command, tell_all
from tests.ports.identity.colleagues import SESSIONS, at_night, give, holder_asks
from tests.ports.identity.test_desk_acts import CONFIRMED, LOST, NEW, WHY, attempt
from tests.ports.identity.test_registering import CHECKED, FOUR, WRONG, answer, register
from tests.ports.identity.test_registering import OTHER_SESSION as AGAIN
from tests.ports.identity.test_second_ra import decline, proposal_id
from tests.ports.identity.world import CARD_REF
from tests.ports.identity.world import World as IdentityWorld
from tests.ports.notifier.test_deliveries import queue
from tests.ports.notifier.world import World as NotifierWorld
from tests.ports.otp.test_clearing import clear
from tests.ports.otp.test_process import READY, SECONDS, environment
from tests.ports.otp.world import World as OtpWorld

pytestmark = pytest.mark.xdist_group("restored_databases")
"""One broker for all of them."""


@dataclass(frozen=True)
class Service:
    """What a service has of its own in a restore."""

    name: str
    books: Books
    again: Callable[[], Again]

    async def tell_all(self, database: Database, broker: str) -> None:
        await tell_all(database, self.books.outbox, self.books.position, self.name, broker)

    @asynccontextmanager
    async def restored(self, copy: str, broker: str) -> AsyncIterator[Database]:
        """A copy that is found to be behind and catches up; once more changes nothing."""
        database, topic = Database(copy), self.books.topic
        freshness = TopicFreshness(database, broker, self.books.position, topic, self.name)
        assert not await freshness.look()
        if database.is_postgresql:
            await self.catch_up(database, broker)
        else:
            done = await asyncio.to_thread(by_command, self.name, copy, broker, "catch-up")
            assert (done.returncode, done.stderr) == (0, "")
        assert await freshness.look()
        assert (await self.catch_up(database, broker)).told.total() == 0
        yield database
        await database.close()

    async def catch_up(self, database: Database, broker: str) -> CaughtUp:
        told = {self.books.topic: await read_back(broker, self.books.topic, self.name)}
        return await catch_up(database, [self.books], told, self.again())


OTP = Service("otp", otp_again.BOOKS[0], lambda: otp_again.Recalling(SystemRandomness()).again)
IDENTITY = Service(
    "identity", identity_again.BOOKS[0], lambda: identity_again.Recalling(SystemRandomness()).again
)
NOTIFIER = Service("notifier", notifier_again.BOOKS[0], lambda: notifier_again.again)


async def test_F34_I1_I9_otp_accepts_no_code_again_and_forgets_no_wrong_entry(
    otp_world: OtpWorld, copies: Copies, own_kafka: Kafka
) -> None:
    broker, world = own_kafka.bootstrap, otp_world
    await anew(broker, otp_events.EVENTS)
    await world.issue(session_id="used")
    used = await world.code()
    await world.issue(session_id="locked", card_ref="c2" * 16)
    await world.issue(session_id="cleared", card_ref="c3" * 16)
    await OTP.tell_all(world.database, broker)
    copy = await copies.of(world.database)
    assert (await world.redeem(used, session_id="used")).verdict is Verdict.RIGHT
    for session, card_ref in (("locked", "c2" * 16), ("cleared", "c3" * 16)):
        for _ in range(3):
            await world.redeem("00000000", session_id=session, card_ref=card_ref)
    world.clock.advance(seconds=1)
    await clear(world, card_ref="c3" * 16)
    await OTP.tell_all(world.database, broker)

    async with OTP.restored(copy, broker) as database:
        restored = OtpWorld(database, world.keys, world.clock)
        assert (await restored.redeem(used, session_id="used")).verdict is Verdict.DEAD
        assert await restored.issue(session_id="two", card_ref="c2" * 16) == Refusal("LOCKED_TO_RA")
        assert (await clear(restored, card_ref="c3" * 16)) == (await clear(world, card_ref="c3" * 16))


async def test_F34_identity_thaws_no_card_and_writes_to_no_old_address(
    identity_world: IdentityWorld, copies: Copies, own_kafka: Kafka
) -> None:
    broker, world = own_kafka.bootstrap, identity_world
    await anew(broker, identity_events.EVENTS)
    await world.populate()
    await IDENTITY.tell_all(world.database, broker)
    copy = await copies.of(world.database)
    grant = await world.profile_grant()
    await world.profiles.update_contact(grant, "test-holder-0001@new.example.org", "")
    given = await world.telling.delivery_address(await world.holder_ref(), 2, Kind.UNLOCKED, CARD_REF)
    await world.telling.freeze_card(given.freeze_token)
    await IDENTITY.tell_all(world.database, broker)

    async with IDENTITY.restored(copy, broker) as database:
        restored = IdentityWorld(database, world.keys, world.clock)
        assert (await restored.resolve()).code == "CARD_FROZEN"
        await restored.set_card_status("ACTIVE")
        assert (await restored.resolve()).code == "NO_EMAIL"


async def test_F34_a_freeze_that_was_lifted_is_lifted_again_and_an_address_that_was_declined_waits_no_more(
    identity_world: IdentityWorld, copies: Copies, own_kafka: Kafka
) -> None:
    broker, world = own_kafka.bootstrap, identity_world
    await anew(broker, identity_events.EVENTS)
    token, ref = await world.populate_desk(), await world.holder_ref()
    await world.acts.freeze(Errand(token, ref, LOST, attempt(1)), CARD_REF)
    await world.two_ras.set_address(Errand(token, ref, WHY, attempt(3)), NEW)
    await IDENTITY.tell_all(world.database, broker)
    copy = await copies.of(world.database)
    await world.acts.lift_freeze(Errand(token, ref, CONFIRMED, attempt(2)), CARD_REF)
    assert await decline(world, token) == ""
    await IDENTITY.tell_all(world.database, broker)

    async with IDENTITY.restored(copy, broker) as database:
        restored = IdentityWorld(database, world.keys, world.clock)
        assert isinstance(await restored.resolve(), Resolved)
        assert await proposal_id(restored, token) == ""


async def test_F34_words_of_colleagues_count_on_in_every_limit_and_no_code_of_before_is_good(
    identity_world: IdentityWorld, copies: Copies, own_kafka: Kafka
) -> None:
    broker, world = own_kafka.bootstrap, await at_night(identity_world)
    await anew(broker, identity_events.EVENTS)
    await IDENTITY.tell_all(world.database, broker)
    copy = await copies.of(world.database)
    codes = []
    for session in SESSIONS[:2]:
        asked = await holder_asks(world, session_id=session)
        assert isinstance(asked, Words)
        codes.append(asked.code)
        for number in (2, 3):
            assert isinstance(await give(world, number, asked.code), Given)
    await IDENTITY.tell_all(world.database, broker)

    async with IDENTITY.restored(copy, broker) as database:
        restored = IdentityWorld(database, world.keys, world.clock, remote_vouch=True)
        often = await holder_asks(restored, session_id=SESSIONS[2])
        assert isinstance(often, Refused)
        assert often.code == "VOUCH_TOO_OFTEN"
        again = await give(restored, 4, codes[0])
        assert isinstance(again, Refused)
        assert again.code == "VOUCH_CODE_UNKNOWN"
        async with restored.store.read() as view:
            given = await view.words_given(
                await restored.holder_ref("test-holder-0002"), "", world.clock.now() - DAY
            )
        assert given == 2


async def test_F34_R48_failures_and_locks_are_as_they_were_told_and_an_older_registration_is_none(
    identity_world: IdentityWorld, copies: Copies, own_kafka: Kafka
) -> None:
    broker, world = own_kafka.bootstrap, identity_world.asking()
    await anew(broker, identity_events.EVENTS)
    ra = await world.populate_desk()
    await register(world)
    await IDENTITY.tell_all(world.database, broker)
    copy = await copies.of(world.database)
    for number in range(3):
        await answer(world, WRONG, number)
    await IDENTITY.tell_all(world.database, broker)

    async with IDENTITY.restored(copy, broker) as database:
        restored = IdentityWorld(database, world.keys, world.clock, questions=True)
        assert (await restored.resolve()).code == "ANSWERS_LOCKED"
    copy = await copies.of(world.database)
    world.clock.advance(seconds=1)
    await world.acts.clear_answers_lock(Errand(ra, await world.holder_ref(), CHECKED, attempt(9)), CARD_REF)
    await world.registering.set_answers(await world.profile_grant(session_id=AGAIN), FOUR)
    await world.registering.complete(await world.mailbox_grant(session_id=AGAIN))
    await IDENTITY.tell_all(world.database, broker)

    async with IDENTITY.restored(copy, broker) as database:
        restored = IdentityWorld(database, world.keys, world.clock, questions=True)
        assert (await restored.resolve()).code == "NOT_REGISTERED"
        await register(restored)
        assert isinstance(await restored.resolve(), Asked)


async def test_F34_I11_notifier_mails_nothing_twice(
    notifier_world: NotifierWorld, copies: Copies, own_kafka: Kafka
) -> None:
    broker, world = own_kafka.bootstrap, notifier_world
    await anew(broker, notifier_events.TOPIC)
    await queue(world, 1)
    await world.send_due()
    await queue(world, 2)
    await NOTIFIER.tell_all(world.database, broker)
    copy = await copies.of(world.database)
    await world.send_due()
    await NOTIFIER.tell_all(world.database, broker)

    async with NOTIFIER.restored(copy, broker) as database:
        restored = NotifierWorld(database, world.key)
        restored.clock.advance(minutes=1)
        assert await restored.send_due() == 0
        assert [row.state for row in await restored.rows()] == ["SENT", "SENT"]


@pytest.mark.parametrize("on", ["sqlite"], indirect=True)
async def test_F34_a_process_on_an_old_copy_is_not_ready_says_why_and_serves_once_it_has_caught_up(
    otp_world: OtpWorld, copies: Copies, own_kafka: Kafka, keys: Keys, tmp_path: Path
) -> None:
    broker, world = own_kafka.bootstrap, otp_world
    await anew(broker, otp_events.EVENTS)
    copy = await copies.of(world.database)
    await world.issue()
    await OTP.tell_all(world.database, broker)
    port, folder = free_port(), mounted(tmp_path / "tls", keys, "otp")
    env = environment(keys, own_kafka, tmp_path, "otp", port) | {"OTP_DATABASE_URL": copy}
    argv = [sys.executable, "-m", "services.otp", "serve"]
    child = Child("otp", argv, tmp_path / "otp.log", env, ready_line=READY)
    child.start(SECONDS)
    asked = ["otp", f"127.0.0.1:{port}", str(folder)]
    try:
        await asyncio.to_thread(wait_until, "life", lambda: probe([*asked, "alive"]) == 0, SECONDS)
        assert await asyncio.to_thread(probe, asked) == 1
        assert await code_of_a_call(keys, port) == "DATABASE_BEHIND"

        assert (await asyncio.to_thread(by_command, "otp", copy, broker, "catch-up")).returncode == 0
        await asyncio.to_thread(wait_until, "otp", lambda: probe(asked) == 0, SECONDS)
        assert await code_of_a_call(keys, port) == "GRANT_REFUSED"
    finally:
        await asyncio.to_thread(child.stop)


async def code_of_a_call(keys: Keys, port: int) -> str:
    channel = connect("otp", f"127.0.0.1:{port}", tls_of(keys, "web"))
    try:
        await otp_pb2_grpc.OtpServiceStub(channel).GetCodeStatus(
            otp_pb2.GetCodeStatusRequest(holder_grant="x")
        )
    except ServiceError as error:
        return error.code
    finally:
        await channel.close()
    return "OK"
