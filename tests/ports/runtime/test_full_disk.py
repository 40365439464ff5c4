"""Disks that are full, of a database and of the broker: refused, nothing lost, and on by itself with room."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import structlog.testing
from aiokafka import AIOKafkaConsumer
from sqlalchemy import func, insert, select

from deploy.local.child import wait_until
from deploy.local.kafka import Kafka
from deploy.local.postgres import Postgres
from services.runtime.database import Database, TransientDatabaseError
from services.runtime.outbox import OutboxRelay, tell
from tests.fixtures.small_disk import SmallDisk, database_on, small_disk
from tests.ports.runtime.world import COUNTS, METADATA, OUTBOX, POSITION, event

EVENTS = 50


@pytest.fixture
def disk() -> Iterator[SmallDisk]:
    with small_disk(16, owner="postgres") as small:
        yield small


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request: pytest.FixtureRequest, disk: SmallDisk) -> AsyncIterator[Database]:
    """Tables on the small disk."""
    if request.param == "sqlite":
        async with made(Database(f"sqlite+aiosqlite:///{disk.folder}/world.db")) as database:
            yield database
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        with database_on(disk, postgres) as url:
            async with made(Database(url)) as database:
                yield database


@asynccontextmanager
async def made(database: Database) -> AsyncIterator[Database]:
    """The same with its tables, closed in the end."""
    async with database.engine.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    yield database
    await database.close()


@pytest.fixture
async def database_elsewhere(tmp_path: Path) -> AsyncIterator[Database]:
    """Tables on a disk with room."""
    async with made(Database(f"sqlite+aiosqlite:///{tmp_path}/world.db")) as database:
        yield database


async def test_F12_a_full_disk_is_a_passing_fault_and_takes_nothing_that_was_stored(
    database: Database, disk: SmallDisk
) -> None:
    numbers = iter(range(1_000_000))

    async def write(rows: int) -> None:
        async with database.begin("test.write") as connection:
            await connection.execute(insert(COUNTS), [{"number": next(numbers)} for _ in range(rows)])

    await write(10)
    disk.fill()
    with structlog.testing.capture_logs() as lines, pytest.raises(TransientDatabaseError):
        for _ in range(20):
            await write(2000)  # what lies ready in pages that are half full is soon used up
    stored = await counted(database)

    disk.free()
    await write(2000)
    told = [line["sqlstate"] for line in lines if line["event"] == "database_fault"]
    assert told[0].startswith(("53100", "SQLITE_FULL", "SQLITE_IOERR"))
    assert stored >= 10
    assert await counted(database) == stored + 2000


async def counted(database: Database) -> int:
    async with database.read() as connection:
        return int(await connection.scalar(select(func.count()).select_from(COUNTS)) or 0)


async def test_F20_a_full_disk_of_the_broker_costs_no_event(database_elsewhere: Database) -> None:
    """It ends with its last byte; with room and started again, it gets all that waits in the outbox."""
    with small_disk(64) as disk:
        kafka = Kafka(disk.folder / "kafka", auto_create=True)
        kafka.start()
        relay = asyncio.create_task(
            OutboxRelay(database_elsewhere, OUTBOX, POSITION, "test", kafka.bootstrap).run()
        )
        try:
            await told(database_elsewhere, 0)
            await until_sent(database_elsewhere)
            disk.fill()
            await told(database_elsewhere, EVENTS)
            await asyncio.to_thread(wait_until, "the broker's end", lambda: not kafka.running, 60, 0.1)
            waiting = await rows_of(database_elsewhere)
            assert not relay.done()

            disk.free()
            await asyncio.to_thread(kafka.start)
            await until_sent(database_elsewhere)
            numbers = [number async for number in sent_to(kafka, 2 * EVENTS)]
        finally:
            relay.cancel()
            await asyncio.gather(relay, return_exceptions=True)
            kafka.kill()

    assert waiting > 0
    assert list(dict.fromkeys(numbers)) == list(range(1, 2 * EVENTS + 1))


async def told(database: Database, first: int) -> None:
    async with database.begin("test.tell") as connection:
        for number in range(first, first + EVENTS):
            await tell(connection, OUTBOX, "test", event("full", "one session", number), f"id-{number}")


async def rows_of(database: Database) -> int:
    async with database.read() as connection:
        return int(await connection.scalar(select(func.count()).select_from(OUTBOX)) or 0)


async def until_sent(database: Database) -> None:
    async with asyncio.timeout(60):
        while await rows_of(database):
            await asyncio.sleep(0.1)


async def sent_to(kafka: Kafka, count: int) -> AsyncIterator[int]:
    """The numbers of the messages on the topic, in their order."""
    consumer = AIOKafkaConsumer("full", bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        seen = set[int]()
        async with asyncio.timeout(60):
            while len(seen) < count:
                number = int(dict((await consumer.getone()).headers)["ce_relayseq"])
                seen.add(number)
                yield number
    finally:
        await consumer.stop()
