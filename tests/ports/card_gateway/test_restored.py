"""A vault put back to an older copy: it finds out by itself, refuses resets, catches up, and loses no card.

Real Kafka and the real relay, on both databases. SOAK=1 takes the copy 50 unlocks before.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from sqlalchemy import func, select

from deploy.local.kafka import Kafka
from deploy.topics import create
from services.card_gateway import tables
from services.card_gateway.catching_up import CaughtUp, catch_up, told_of
from services.card_gateway.domain.facts import SessionOutcome
from services.card_gateway.domain.words import Reason
from services.card_gateway.events import TOPIC
from services.card_gateway.storage import SOURCE
from services.card_gateway.use_cases import commits
from services.runtime import faults
from services.runtime.catching_up import Hole
from services.runtime.database import Database
from services.runtime.errors import ServiceError
from services.runtime.freshness import TopicFreshness
from services.runtime.outbox import OutboxRelay
from services.runtime.told import read_back
from tests.fixtures.in_place import run_in_place
from tests.ports.card_gateway.world import (
    NEW_PINS,
    Agent,
    Page,
    Reader,
    World,
    authorised,
    card_in_reader,
    crash_at,
    padded,
    session_with_card,
)

ON_ONE = pytest.mark.parametrize("world", ["sqlite"], indirect=True)
"""What does not depend on the database."""

UNLOCKS = 50 if os.environ.get("SOAK") else 5

pytestmark = pytest.mark.xdist_group("restored")
"""One broker for all of them."""


@pytest.fixture
async def broker(own_kafka: Kafka) -> str:
    """A broker whose topic is new."""
    admin = AIOKafkaAdminClient(bootstrap_servers=own_kafka.bootstrap)
    await admin.start()
    await admin.delete_topics([TOPIC])
    while TOPIC in await admin.list_topics():
        await asyncio.sleep(0.05)
    await admin.close()
    await create(own_kafka.bootstrap)
    return own_kafka.bootstrap


def freshness_of(database: Database, broker: str) -> TopicFreshness:
    return TopicFreshness(database, broker, tables.outbox_position, TOPIC, SOURCE)


@asynccontextmanager
async def relaying(world: World, broker: str) -> AsyncIterator[TopicFreshness]:
    """The gateway's relay, which leads only where the database is current."""
    freshness = freshness_of(world.database, broker)
    relay = OutboxRelay(
        world.database, tables.outbox, tables.outbox_position, SOURCE, broker, may_lead=freshness.look
    )
    task = asyncio.create_task(relay.run())
    try:
        yield freshness
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def waiting(world: World) -> int:
    """Events that have not left."""
    async with world.database.read() as connection:
        return int(await connection.scalar(select(func.count()).select_from(tables.outbox)) or 0)


async def all_told(world: World) -> None:
    async with asyncio.timeout(60):
        while await waiting(world):
            await asyncio.sleep(0.02)


class Copies:
    """Copies of a database, as an operator makes and restores them."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path) -> None:
        self._request, self._folder, self._made = request, folder, 0

    async def of(self, world: World) -> str:
        """The address of a copy of the database as it is now."""
        await world.database.engine.dispose()
        url, self._made = world.database.engine.url, self._made + 1
        if url.get_backend_name() == "sqlite":
            copy = self._folder / f"copy-{self._made}.db"
            shutil.copy(str(url.database), copy)
            return f"sqlite+aiosqlite:///{copy}"
        made: str = self._request.getfixturevalue("postgres").create_database(template=url.database)
        return made


@pytest.fixture
def copies(request: pytest.FixtureRequest, tmp_path: Path) -> Copies:
    return Copies(request, tmp_path)


@asynccontextmanager
async def restored(world: World, copy: str, broker: str) -> AsyncIterator[World]:
    """The gateway after its database was put back, as its process starts."""
    database = Database(copy)
    freshness = freshness_of(database, broker)
    yield replace(world, database=database, freshness=freshness)
    await database.close()


async def cards(world: World, count: int, **wishes: Any) -> list[Reader]:
    readers = []
    for number in range(count):
        reader, line = card_in_reader(card_ref=f"{number:032x}", **wishes)
        assert await world.import_line(line) == []
        readers.append(reader)
    return readers


async def unlock(world: World, reader: Reader, pin: str, reason: Reason = Reason.FORGOTTEN) -> None:
    reader.reinsert()
    agent, page = await authorised(world, reader, reason)
    assert await page.reset_pin(pin) == ""
    await agent.work()
    assert await page.state() == ("SUCCESS", "")
    assert reader.eeprom.pin == padded(pin)


async def reset_nobody_reports(world: World, reader: Reader, pin: str) -> tuple[Agent, Page]:
    """The card took both PIN and PUK, and the gateway never heard of it."""
    agent, page = await authorised(world, reader, Reason.FORGOTTEN)
    assert await page.reset_pin(pin) == ""
    proof = await agent.poll()
    reset = await agent.do(proof)  # type: ignore[arg-type]
    assert reset is not None
    agent.run(reset)
    return agent, page


async def caught_up(world: World, broker: str, *, with_hole: bool = False) -> CaughtUp:
    told = told_of(await read_back(broker, TOPIC, SOURCE))
    return await catch_up(world.database, world.clock, world.randomness, told, with_hole=with_hole)


def by_command(copy: str, broker: str, command: str = "vault catch-up") -> "subprocess.CompletedProcess[str]":
    """What an operator types."""
    told = {"CARD_GATEWAY_DATABASE_URL": copy, "KAFKA_BOOTSTRAP_SERVERS": broker}
    return run_in_place("services.card_gateway", *command.split(), env=os.environ | told)


async def assert_audit_sees_no_gap_and_no_repeat(broker: str) -> None:
    told = await read_back(broker, TOPIC, SOURCE)
    assert [each.relayseq for each in told] == list(range(1, len(told) + 1))
    assert len({each.ce_id for each in told}) == len(told)


async def test_F34_a_vault_put_back_refuses_resets_catches_up_and_unlocks_every_card(
    world: World, copies: Copies, broker: str, record_property: Any
) -> None:
    readers = await cards(world, UNLOCKS + 2)
    async with relaying(world, broker):
        await unlock(world, readers[0], NEW_PINS[0])
        await all_told(world)
    copy = await copies.of(world)
    async with relaying(world, broker):
        for reader in readers[:UNLOCKS]:
            await unlock(world, reader, NEW_PINS[1])
        for reader in readers[UNLOCKS:]:
            await reset_nobody_reports(world, reader, NEW_PINS[1])
        world.clock.advance(seconds=71)
        await world.sweep()
        await all_told(world)
    before = len(await read_back(broker, TOPIC, SOURCE))

    async with restored(world, copy, broker) as behind, relaying(behind, broker) as freshness:
        assert not await behind.freshness.look()  # type: ignore[attr-defined]
        agent, page = await session_with_card(behind, readers[1], Reason.FORGOTTEN)
        assert await page.state() == ("ATTACHED", "VAULT_BEHIND")
        with pytest.raises(ServiceError, match="VAULT_BEHIND"):
            await page.authorise()
        assert await behind.gateway.sweeping.turn() == 0
        assert len(await read_back(broker, TOPIC, SOURCE)) == before

        done = await asyncio.to_thread(by_command, copy, broker)
        assert (done.returncode, done.stderr) == (0, "")
        assert await behind.freshness.look()  # type: ignore[attr-defined]
        assert await freshness.look()

        behind.clock.advance(seconds=6)
        await agent.work()
        assert await page.state() == ("CARD_READ", "")
        for reader in readers:
            assert reader.eeprom.puk in await behind.puks_possible(reader.card_ref)
            await unlock(behind, reader, NEW_PINS[2])
        await all_told(behind)
        await assert_audit_sees_no_gap_and_no_repeat(broker)

    wrong = [reader.eeprom.wrong_puk_tries for reader in readers]
    record_property("figure", f"{UNLOCKS} unlocks lost, {len(readers)} cards unlocked, wrong tries {wrong}")
    assert set(wrong[:UNLOCKS]) == {0}
    assert max(wrong) <= 1


async def test_F34_what_was_in_flight_at_the_copy_ends_once_and_is_told_once(
    world: World, copies: Copies, broker: str
) -> None:
    """A copy in the middle of a reset: its events wait in the copy's outbox and have long left."""
    first, second, third = await cards(world, 3)
    async with relaying(world, broker):
        await unlock(world, first, NEW_PINS[0])
        await all_told(world)
    agent, page = await reset_nobody_reports(world, second, NEW_PINS[1])
    copy = await copies.of(world)
    async with relaying(world, broker):
        await agent.work()
        assert await page.state() == ("SUCCESS", "")
        lost, _ = await reset_nobody_reports(world, third, NEW_PINS[1])
        await all_told(world)

    async with restored(world, copy, broker) as behind, relaying(behind, broker):
        done = await caught_up(behind, broker)
        assert await behind.freshness.look()  # type: ignore[attr-defined]
        await all_told(behind)
        await assert_audit_sees_no_gap_and_no_repeat(broker)
        assert (done.cards, done.unsettled) == (2, 1)
        with pytest.raises(ServiceError, match="SESSION_UNKNOWN"):
            await replace(lost, world=behind).poll()
        assert await behind.puks_possible(second.card_ref) == {second.eeprom.puk}
        for reader in (first, second, third):
            await unlock(behind, reader, NEW_PINS[2])
        told = [each.fact for each in told_of(await read_back(broker, TOPIC, SOURCE))]

    words = [(each.session_id, each.kind) for each in told if isinstance(each, SessionOutcome)]
    assert len(set(words)) == len(words)
    assert [kind.value for session, kind in words if session == agent.session_id] == ["SUCCESS"]
    assert [kind.value for session, kind in words if session == lost.session_id] == ["UNKNOWN"]
    assert max(reader.eeprom.wrong_puk_tries for reader in (first, second)) == 0


async def test_S32_a_grant_that_was_spent_after_the_copy_is_not_spent_again(
    world: World, copies: Copies, broker: str
) -> None:
    (reader,) = await cards(world, 1)
    async with relaying(world, broker):
        agent, page = await session_with_card(world, reader)
        await all_told(world)
    copy = await copies.of(world)
    async with relaying(world, broker):
        grant = page.unlock_grant()
        assert await page.authorise(grant) == ""
        assert await page.reset_pin(NEW_PINS[0]) == ""
        await agent.work()
        await all_told(world)

    async with restored(world, copy, broker) as behind:
        again = replace(page, world=behind)
        with pytest.raises(ServiceError, match="VAULT_BEHIND"):
            await again.authorise(grant)
        await caught_up(behind, broker)
        await behind.freshness.look()  # type: ignore[attr-defined]

        assert await again.authorise(grant) == "SESSION_ENDED"
        assert await again.state() == ("SUCCESS", "")


@contextmanager
def relay_that_dies_at(point: str) -> Iterator[list[str]]:
    hits: list[str] = []

    def act(reached: str) -> None:
        if reached == point and not hits:
            hits.append(reached)
            raise SystemError("killed here")

    before, faults.act = faults.act, act
    try:
        yield hits
    finally:
        faults.act = before


@ON_ONE
@pytest.mark.parametrize("point", ["before_send", "after_ack", "before_commit", "after_commit"])
async def test_F34_a_relay_that_was_killed_is_no_restore(world: World, broker: str, point: str) -> None:
    (reader,) = await cards(world, 1)
    await unlock(world, reader, NEW_PINS[0])
    with relay_that_dies_at(f"card_gateway.relay.{point}") as hits:
        relay = OutboxRelay(world.database, tables.outbox, tables.outbox_position, SOURCE, broker)
        with pytest.raises(SystemError):
            await asyncio.wait_for(relay.run(), 60)

    assert len(hits) == 1
    assert await freshness_of(world.database, broker).look()
    async with relaying(world, broker):
        await all_told(world)
    assert await freshness_of(world.database, broker).look()
    await assert_audit_sees_no_gap_and_no_repeat(broker)


@ON_ONE
async def test_F34_a_new_database_on_an_empty_topic_is_current(world: World, broker: str) -> None:
    assert await freshness_of(world.database, broker).look()


@ON_ONE
async def test_F34_a_new_database_on_a_topic_that_was_written_to_is_behind(
    world: World, copies: Copies, broker: str
) -> None:
    new = await copies.of(world)
    known, line = card_in_reader(card_ref="a" * 32)
    unknown, other = card_in_reader(card_ref="b" * 32)
    for each in (line, other):
        await world.import_line(each)
    async with relaying(world, broker):
        await unlock(world, known, NEW_PINS[0])
        await reset_nobody_reports(world, unknown, NEW_PINS[0])
        await all_told(world)

    async with restored(world, new, broker) as behind:
        assert not await behind.freshness.look()  # type: ignore[attr-defined]
        done = await caught_up(behind, broker)
        assert await behind.freshness.look()  # type: ignore[attr-defined]
        assert done.not_imported == (known.card_ref, unknown.card_ref)
        assert (await behind.secret(known.card_ref)).version == 1

        for each in (line, other):
            assert await behind.import_line(each) == []
        for reader in (known, unknown):
            await unlock(behind, reader, NEW_PINS[1])
        assert known.eeprom.wrong_puk_tries == 0


async def expire(broker: str, *, but: int) -> None:
    """Delete the oldest records of every partition, as 30 days do; leave the newest `but` of all."""
    told = await read_back(broker, TOPIC, SOURCE)
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    gone = {
        TopicPartition(TOPIC, each.partition): RecordsToDelete(before_offset=each.offset + 1)
        for each in told[: len(told) - but]
    }
    await admin.delete_records(gone)
    await admin.close()


@ON_ONE
async def test_F34_events_that_expired_leave_a_current_database_current(world: World, broker: str) -> None:
    (reader,) = await cards(world, 1)
    async with relaying(world, broker):
        await unlock(world, reader, NEW_PINS[0])
        await all_told(world)
    await expire(broker, but=0)

    assert await freshness_of(world.database, broker).look()


@ON_ONE
async def test_F34_a_copy_older_than_the_topic_keeps_is_not_passed_off_as_current(
    world: World, copies: Copies, broker: str
) -> None:
    first, second = await cards(world, 2)
    copy = await copies.of(world)
    async with relaying(world, broker):
        await unlock(world, first, NEW_PINS[0])
        await all_told(world)
        await unlock(world, second, NEW_PINS[0])
        await all_told(world)
    await expire(broker, but=5)

    async with restored(world, copy, broker) as behind:
        assert not await behind.freshness.look()  # type: ignore[attr-defined]
        with pytest.raises(Hole, match="1 to 5"):
            await caught_up(behind, broker)
        assert not await behind.freshness.look()  # type: ignore[attr-defined]
        refused = await asyncio.to_thread(by_command, copy, broker)
        assert refused.returncode == 1
        assert "1 to 5" in refused.stderr
        accepted = await asyncio.to_thread(by_command, copy, broker, "vault catch-up-with-hole")
        assert accepted.returncode == 0

        assert await behind.freshness.look()  # type: ignore[attr-defined]
        await unlock(behind, second, NEW_PINS[1])


@ON_ONE
async def test_F34_a_topic_that_was_made_anew_leaves_the_database_current(
    world: World, broker: str, own_kafka: Kafka
) -> None:
    (reader,) = await cards(world, 1)
    async with relaying(world, broker):
        await unlock(world, reader, NEW_PINS[0])
        await all_told(world)
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    await admin.delete_topics([TOPIC])
    while TOPIC in await admin.list_topics():
        await asyncio.sleep(0.05)
    await admin.close()
    await create(broker)

    assert await freshness_of(world.database, broker).look()


@ON_ONE
async def test_F34_a_copy_put_under_a_running_process_is_noticed(world: World, broker: str) -> None:
    (reader,) = await cards(world, 1)
    async with relaying(world, broker) as freshness:
        await unlock(world, reader, NEW_PINS[0])
        await all_told(world)
        await freshness.look()
    async with world.database.begin("test.put_back") as connection:
        await connection.execute(tables.outbox_position.update().values(relayseq=2))

    assert not await freshness.look()
    assert not freshness.is_current


@pytest.mark.parametrize("point", [f"{commits.CATCH_UP}.{side}_commit" for side in ("before", "after")])
async def test_F2_a_catch_up_that_was_killed_is_run_again(
    world: World, copies: Copies, broker: str, point: str
) -> None:
    readers = await cards(world, 2)
    copy = await copies.of(world)
    async with relaying(world, broker):
        for reader in readers:
            await unlock(world, reader, NEW_PINS[0])
        await all_told(world)

    async with restored(world, copy, broker) as behind:
        with crash_at(point) as hits, suppress(Exception):
            await caught_up(behind, broker)
        assert hits == [point]
        await caught_up(behind, broker)
        assert await behind.freshness.look()  # type: ignore[attr-defined]

        for reader in readers:
            assert await behind.puks_possible(reader.card_ref) == {reader.eeprom.puk}
            await unlock(behind, reader, NEW_PINS[1])
        assert {reader.eeprom.wrong_puk_tries for reader in readers} == {0}


@ON_ONE
async def test_F34_while_kafka_is_away_at_a_start_no_reset_begins_and_it_is_asked_again(
    world: World, broker: str, own_kafka: Kafka
) -> None:
    (reader,) = await cards(world, 1)
    freshness = freshness_of(world.database, broker)
    started = replace(world, freshness=freshness)
    own_kafka.stop()
    asking = asyncio.create_task(freshness.run())
    await asyncio.sleep(1)
    _, page = await session_with_card(started, reader)
    assert await page.state() == ("ATTACHED", "VAULT_BEHIND")

    own_kafka.start()
    async with asyncio.timeout(60):
        while not freshness.is_current:
            await asyncio.sleep(0.1)
    asking.cancel()
    await unlock(started, reader, NEW_PINS[0], Reason.LOCKED)
