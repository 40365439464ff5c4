"""Outbox, relay, Kafka and consumer together: nothing lost, nothing twice, in order, dead letters apart."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from smartcard_unlock.otp.v1 import otp_events_pb2
from sqlalchemy import func, select
from structlog.testing import capture_logs

from services.runtime import broker, faults
from services.runtime.broker import LARGEST_DEAD_LETTER, Consumer
from services.runtime.clock import SystemClock
from services.runtime.cloud_events import Received, Unreadable
from services.runtime.database import Database
from services.runtime.inbox import first_time
from services.runtime.outbox import OutboxRelay, tell
from services.runtime.replay import replay
from tests.fakes.clock import NOON, FakeClock
from tests.ports.runtime.world import INBOX, OUTBOX, POSITION, event

Take = Callable[[Received], Awaitable[None]]


@pytest.fixture
async def topic(kafka: str) -> str:
    name = f"test-{uuid4().hex}"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    dead = NewTopic(f"{name}.dlq", 1, 1, topic_configs={"max.message.bytes": str(LARGEST_DEAD_LETTER)})
    await admin.create_topics([NewTopic(name, 3, 1), dead])
    await admin.close()
    return name


@asynccontextmanager
async def running(run: Callable[[], Awaitable[None]]) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.ensure_future(run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def put(database: Database, topic: str, sessions: int, each: int) -> None:
    for number in range(each):
        async with database.begin("test.tell") as connection:
            for session in range(sessions):
                await tell(connection, OUTBOX, "test", event(topic, f"s{session}", number), str(uuid4()))


async def rows_left(database: Database) -> int:
    async with database.read() as connection:
        return (await connection.execute(select(func.count()).select_from(OUTBOX))).scalar_one()


def relay(database: Database, kafka: str) -> OutboxRelay:
    return OutboxRelay(database, OUTBOX, POSITION, "test", kafka)


def numbers_by_session(taken: list[Received]) -> dict[str, list[int]]:
    by_session = defaultdict(list)
    for each in taken:
        by_session[each.subject].append(each.parse(otp_events_pb2.CodeRequested).codes_in_session)
    return by_session


def once_into(taken: list[Received], database: Database) -> Take:
    async def take(received: Received) -> None:
        async with database.begin("test.take") as connection:
            if await first_time(connection, INBOX, received.ce_id, NOON):
                taken.append(received)

    return take


async def test_I6_every_row_arrives_in_order_by_key_and_the_outbox_is_empty(
    database: Database, kafka: str, topic: str
) -> None:
    taken: list[Received] = []
    consumer = Consumer(kafka, f"g-{topic}", [topic], once_into(taken, database))
    await put(database, topic, sessions=5, each=20)

    async with running(relay(database, kafka).run), running(consumer.run):
        await until(lambda: len(taken) == 100)
        async with asyncio.timeout(30):
            while await rows_left(database):
                await asyncio.sleep(0.05)

    assert all(numbers == list(range(20)) for numbers in numbers_by_session(taken).values())
    assert sorted(each.relayseq for each in taken) == list(range(1, 101))
    assert {(each.source, each.ce_type) for each in taken} == {
        ("test", "smartcard_unlock.otp.v1.CodeRequested")
    }


@pytest.mark.parametrize(
    "point", ["test.relay.before_send", "test.relay.after_ack", "test.relay.before_commit"]
)
async def test_I6_a_relay_that_dies_anywhere_loses_nothing_and_repeats_alike(
    database: Database, kafka: str, topic: str, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    died = False

    def die_once(reached: str) -> None:
        nonlocal died
        if reached == point and not died:
            died = True
            raise SystemError("killed here")

    monkeypatch.setattr(faults, "act", die_once)
    taken: list[Received] = []
    await put(database, topic, sessions=2, each=10)
    async with running(relay(database, kafka).run) as first:
        await until(first.done)
    assert died

    consumer = Consumer(kafka, f"g-{topic}", [topic], once_into(taken, database))
    async with running(relay(database, kafka).run), running(consumer.run):
        await until(lambda: len(taken) == 20)
        await put(database, topic, sessions=1, each=1)
        await until(lambda: len(taken) == 21)

    assert sorted(each.relayseq for each in taken) == list(range(1, 22))
    assert numbers_by_session(taken)["s1"] == list(range(10))


async def test_one_relay_leads_and_another_takes_over(database: Database, kafka: str, topic: str) -> None:
    taken: list[Received] = []
    consumer = Consumer(kafka, f"g-{topic}", [topic], once_into(taken, database))
    async with running(consumer.run):
        async with running(relay(database, kafka).run):
            await put(database, topic, sessions=1, each=3)
            await until(lambda: len(taken) == 3)
        async with running(relay(database, kafka).run):
            await put(database, topic, sessions=1, each=3)
            await until(lambda: len(taken) == 6)

    assert sorted(each.relayseq for each in taken) == list(range(1, 7))


async def test_a_failing_handler_holds_its_partition_only_and_loses_nothing(
    database: Database, kafka: str, topic: str
) -> None:
    taken: list[Received] = []
    failures = 3

    async def take(received: Received) -> None:
        nonlocal failures
        if received.subject == "s0" and failures:
            failures -= 1
            raise RuntimeError("the database is away")
        taken.append(received)

    await put(database, topic, sessions=6, each=5)
    consumer = Consumer(kafka, f"g-{topic}", [topic], take)
    async with running(relay(database, kafka).run), running(consumer.run):
        await until(lambda: len(taken) >= 30)

    assert all(numbers == list(range(5)) for numbers in numbers_by_session(taken).values())


async def send(
    kafka: str, topic: str, value: bytes, headers: list[tuple[str, bytes]], times: int = 1
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    for _ in range(times):
        await producer.send_and_wait(topic, value, key=b"s1", headers=headers)
    await producer.stop()


GOOD = [
    ("ce_id", b"1"), ("ce_type", b"smartcard_unlock.otp.v1.CodeRequested"), ("ce_source", b"test"),
    ("ce_specversion", b"1.0"), ("ce_time", b"2026-03-02T12:00:00Z"), ("ce_subject", b"s1"),
]  # fmt: skip
POISON = {
    "no headers": (b"x", []),
    "random bytes": (bytes(range(255, 0, -1)), GOOD),
    "another type": (b"", [("ce_type", b"x.y") if name == "ce_type" else (name, raw) for name, raw in GOOD]),
    "no id": (b"", GOOD[1:]),
    "time is no time": (
        b"",
        [("ce_time", b"noon") if name == "ce_time" else (name, raw) for name, raw in GOOD],
    ),
    "a version to come": (
        b"",
        [("ce_specversion", b"2.0") if name == "ce_specversion" else (name, raw) for name, raw in GOOD],
    ),
    "not text": (b"", [("ce_id", b"\xff\xfe"), *GOOD[1:]]),
    "endless id": (b"", [("ce_id", b"1" * 5000), *GOOD[1:]]),
    "1 MiB, as much as a topic takes": (b"\xff" * 1_048_480, []),
}


BLOCKED_SECONDS = 5.0
"""The longest that a message which cannot be read may hold up those behind it. Source: quality F25."""


@pytest.mark.parametrize("name", POISON)
async def test_F25_poison_goes_to_the_dead_letters_with_its_cause_and_holds_nobody_up(
    kafka: str, topic: str, name: str
) -> None:
    taken: list[Received] = []

    async def take(received: Received) -> None:
        received.parse(otp_events_pb2.CodeRequested)
        taken.append(received)

    value, headers = POISON[name]
    consumer = Consumer(kafka, f"g-{topic}", [topic], take)
    async with running(consumer.run), AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        await producer.send_and_wait(topic, b"", key=b"s1", headers=GOOD)
        await until(lambda: len(taken) == 1)
        await producer.send_and_wait(topic, value, key=b"s1", headers=headers)
        await producer.send_and_wait(topic, b"", key=b"s1", headers=GOOD)
        behind = time.monotonic()
        await until(lambda: len(taken) == 2)
        blocked = time.monotonic() - behind

    dead = AIOKafkaConsumer(
        f"{topic}.dlq",
        bootstrap_servers=kafka,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=LARGEST_DEAD_LETTER,
    )
    await dead.start()
    record = await asyncio.wait_for(dead.getone(), 30)
    await dead.stop()
    assert blocked <= BLOCKED_SECONDS
    assert record.value == value
    assert dict(record.headers)["dlq_cause"] in (b"headers", b"type", b"body")


async def unreadable(received: Received) -> None:
    raise Unreadable("body")


async def dead_letters(kafka: str, topic: str) -> int:
    return await broker.count_since(kafka, f"{topic}.dlq", datetime(2020, 1, 1, tzinfo=UTC))


async def test_F25_more_than_ten_dead_letters_an_hour_wait_for_a_calmer_one_over_restarts(
    kafka: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "HOLD_SECONDS", 0.1)
    clock = FakeClock(SystemClock().now())
    await send(kafka, topic, b"x", GOOD, times=13)
    seen = []
    for _ in range(3):  # killed and started again: the count stays
        with capture_logs() as said:
            async with running(Consumer(kafka, f"g-{topic}", [topic], unreadable, clock=clock).run):
                await until(lambda: "too_many_dead_letters" in [each["event"] for each in said])
                seen.append(await dead_letters(kafka, topic))
    clock.advance(minutes=61)
    await send(kafka, topic, b"", GOOD)
    taken: list[Received] = []

    async def take(received: Received) -> None:
        if received.value:
            raise Unreadable("body")
        taken.append(received)

    async with running(Consumer(kafka, f"g-{topic}", [topic], take, clock=clock).run):
        await until(lambda: len(taken) == 1)

    assert seen == [10, 10, 10]
    assert await dead_letters(kafka, topic) == 13


async def test_what_nobody_misses_never_holds_up_those_behind_it(kafka: str, topic: str) -> None:
    taken: list[Received] = []

    async def take(received: Received) -> None:
        if received.value:
            raise Unreadable("body")
        taken.append(received)

    await send(kafka, topic, b"x", GOOD, times=25)
    await send(kafka, topic, b"", GOOD)
    async with running(Consumer(kafka, f"g-{topic}", [topic], take, dead_letters=False).run):
        await until(lambda: len(taken) == 1)


async def test_F25_dead_letters_are_taken_again_once_each_and_the_rest_is_counted(
    database: Database, kafka: str, topic: str
) -> None:
    """A consumer of yesterday cannot read a word of tomorrow; the one of today can."""
    taken: list[Received] = []
    mended = False
    once = once_into(taken, database)

    async def take(received: Received) -> None:
        if received.value != b"" and not (mended and received.value == b"tomorrow"):
            raise Unreadable("body")
        await once(received)

    await send(kafka, topic, b"tomorrow", GOOD)
    await send(kafka, topic, b"never", [("ce_id", b"2"), *GOOD[1:]])
    await send(kafka, topic, b"", [("ce_id", b"3"), *GOOD[1:]])
    async with running(Consumer(kafka, f"g-{topic}", [topic], take).run):
        await until(lambda: len(taken) == 1)

    before = await replay(kafka, topic, take)
    mended = True
    after = [await replay(kafka, topic, take) for _ in range(2)]

    assert (before.taken, before.left) == (0, 2)
    assert [(each.taken, each.left) for each in after] == [(1, 1), (1, 1)]
    assert [each.ce_id for each in taken] == ["3", "1"]
