"""50,000 unlocks report 16,666.7 h, and 60,000 report 20,000.0 h, through the real stream. R20, R21, R22.

Told by the services' own outboxes and relays, mixed with all that saves nothing, through Kafka and Faust into
the records; then every message again, shuffled across topics, while workers are killed: the same figures, the
same tree. A hundredth of it by default; SOAK=1 takes all.
"""

import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import ConsumerRecord
from smartcard_unlock.common.v1 import common_pb2 as common
from sqlalchemy import MetaData, func, select

from deploy.local.child import Child, free_port
from deploy.local.kafka import Kafka
from deploy.local.keys import Keys
from services.audit.__main__ import MIGRATIONS
from services.audit.consumer import eligible_in
from services.audit.domain.saved_time import Period
from services.audit.domain.savings import Savings
from services.audit.reports import SqlReports
from services.audit.roll_ups import RollUps
from services.audit.savings import SqlSavings
from services.audit.tables import LEAVES, RECORDS
from services.runtime.database import Database, migrate
from services.runtime.outbox import BATCH, Event, OutboxRelay, outbox_tables, tell_all
from services.runtime.randomness import SystemRandomness
from tests.fakes.clock import FakeClock
from tests.ports.audit.log import append_all, sequencer_of
from tests.unit.audit.outcomes import NOON

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

SOAK = bool(os.environ.get("SOAK"))
UNLOCKS, MORE = (50_000, 10_000) if SOAK else (500, 100)
HOURS = ("16,666.7", "20,000.0") if SOAK else ("166.7", "200.0")
DEADLINE = 3000 if SOAK else 120
TOPICS = {f"{source}.events.v1": source for source in ("identity", "otp", "card_gateway")}


@dataclass(frozen=True)
class Word:
    """One outcome of a story, and who tells it."""

    kind: str
    source: str = "card_gateway"
    code: str = ""
    resolved: bool = False


SUCCESS, FAILED = Word("SUCCESS"), Word("FAILED", code="CARD_NOT_GENUINE")
UNKNOWN, ABANDONED = Word("UNKNOWN"), Word("ABANDONED", code="SESSION_ABANDONED")
FOUND_UNLOCKED, FOUND_BLOCKED = Word("RESOLVED", resolved=True), Word("RESOLVED", code="INTERRUPTED")
REFUSED = Word("REFUSED", "identity", "NO_EMAIL")
LOCKED_TO_RA = Word("LOCKED_TO_RA", "otp", "LOCKED_TO_RA")

SAVING = [(SUCCESS,), (SUCCESS,), (SUCCESS,), (UNKNOWN, FOUND_UNLOCKED), (REFUSED, SUCCESS)]
SAVING_NOTHING = [
    ("LOCKED", "SELF", (FAILED,)),
    ("LOCKED", "SELF", (UNKNOWN,)),
    ("LOCKED", "SELF", (UNKNOWN, FOUND_BLOCKED)),
    ("FORGOTTEN", "SELF", (REFUSED, ABANDONED)),
    ("FORGOTTEN", "SELF", (LOCKED_TO_RA, ABANDONED)),
    ("CHANGE", "SELF", (SUCCESS,)),
    ("LOCKED", "RA_IN_PERSON", (SUCCESS,)),
]


def told(first: int, unlocks: int) -> dict[str, list[Event]]:
    """What each service tells of so many unlocks, and of a fifth as many sessions that save nothing."""
    stories = [
        (("LOCKED", "FORGOTTEN")[n % 2], "SELF", SAVING[n % len(SAVING)])
        for n in range(first, first + unlocks)
    ]
    stories += [SAVING_NOTHING[n % len(SAVING_NOTHING)] for n in range(unlocks // 5)]
    events: dict[str, list[Event]] = {source: [] for source in TOPICS.values()}
    for number, (reason, route, words) in enumerate(stories):
        session = f"s-{first}-{number}"
        for word in words:
            events[word.source].append(_event(session, reason, route, word))
    return events


def _event(session: str, reason: str, route: str, word: Word) -> Event:
    message = common.SessionOutcome(
        session_id=session,
        kind=common.OutcomeKind.Value(f"OUTCOME_KIND_{word.kind}"),
        code=word.code,
        reason=common.Reason.Value(f"REASON_{reason}"),
        route=common.Route.Value(f"ROUTE_{route}"),
        card_ref=session,
        holder_ref=session,
        organisation="X26",
        actor=common.Actor(kind=common.ACTOR_KIND_HOLDER, ref=session),
        resolved_success=word.resolved,
    )
    message.occurred_at.FromDatetime(NOON)
    return Event(f"{word.source}.events.v1", session, message, NOON)


class Service:
    """A service's outbox and its relay."""

    def __init__(self, source: str, folder: Path, bootstrap: str) -> None:
        self._source, self._ids, metadata = source, SystemRandomness(), MetaData()
        self._outbox, position = outbox_tables(metadata)
        self._metadata = metadata
        self._database = Database(f"sqlite+aiosqlite:///{folder / source}.db")
        self._relay = OutboxRelay(self._database, self._outbox, position, source, bootstrap)

    async def tell(self, events: list[Event]) -> None:
        """Store the events, and relay until nothing is left."""
        async with self._database.engine.begin() as connection:
            await connection.run_sync(self._metadata.create_all)
        for start in range(0, len(events), BATCH):
            chosen = [(event, self._ids.uuid7()) for event in events[start : start + BATCH]]
            async with self._database.begin("test.tell") as connection:
                await tell_all(connection, self._outbox, self._source, chosen)
        relay = asyncio.create_task(self._relay.run())
        while await self._left():
            await asyncio.sleep(0.05)
        relay.cancel()
        await asyncio.gather(relay, return_exceptions=True)
        await self._database.close()

    async def _left(self) -> int:
        async with self._database.read() as connection:
            return int(await connection.scalar(select(func.count()).select_from(self._outbox)) or 0)


class Stream:
    """Broker, two store workers, and the database they fill."""

    def __init__(self, folder: Path, keys: Keys, bootstrap: str, url: str) -> None:
        self.bootstrap, self._folder = bootstrap, folder
        self.records = Database(url)
        environment = keys.tls("audit_store") | {
            "AUDIT_DATABASE_URL": url,
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        }
        argv = [sys.executable, "-m", "services.audit", "store"]
        self.workers = [
            Child(
                f"audit-{number}", argv, folder / f"audit-{number}.log",
                environment | {"LISTEN_ADDRESS": f"127.0.0.1:{free_port()}"}, "stream_started",
            )
            for number in (1, 2)
        ]  # fmt: skip

    async def tell(self, events: dict[str, list[Event]]) -> None:
        services = {source: Service(source, self._folder, self.bootstrap) for source in events}
        await asyncio.gather(*(services[source].tell(events[source]) for source in events))

    async def stored(self, messages: int) -> None:
        """Return when the ledger has that many offsets; each worker is killed once it takes part."""
        deadline, doomed = time.monotonic() + DEADLINE, list(self.workers)
        while (held := await self._held()) < messages or doomed:
            assert time.monotonic() < deadline, f"{held} of {messages}"
            for worker in self.workers:
                if not worker.running:
                    worker.launch()
            if doomed and "stream_started" in doomed[0].written():
                doomed.pop(0).kill()
            await asyncio.sleep(0.2)
        assert held == messages

    async def _held(self) -> int:
        runs = await SqlReports(self.records).held()
        return sum(run.last - run.first + 1 for run in runs if run.topic in TOPICS)

    async def again(self) -> int:
        """Deliver every message a second time, shuffled across topics; how many."""
        messages = await self._all()
        random.Random(7).shuffle(messages)
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, acks="all")
        await producer.start()
        acks = [
            await producer.send(each.topic, each.value, key=each.key, headers=list(each.headers))
            for each in messages
        ]
        await asyncio.gather(*acks)
        await producer.stop()
        return len(messages)

    async def _all(self) -> list["ConsumerRecord[bytes, bytes]"]:
        consumer = AIOKafkaConsumer(*TOPICS, bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            ends = await consumer.end_offsets(consumer.assignment())
            found: list[ConsumerRecord[bytes, bytes]] = []
            while len(found) < sum(ends.values()):
                for batch in (await consumer.getmany(timeout_ms=500)).values():
                    found += batch
            return found
        finally:
            await consumer.stop()

    async def figures(self) -> tuple[Savings, int, int]:
        """The report, how many records there are, and how many leaves once all are numbered."""
        await append_all(sequencer_of(self.records))
        async with self.records.read() as connection:
            counts = [
                int(await connection.scalar(select(func.count()).select_from(table)) or 0)
                for table in (RECORDS, LEAVES)
            ]
        savings = await SqlSavings(self.records, eligible_in).savings(Period(), 20)
        await RollUps(self.records, eligible_in, FakeClock(NOON + timedelta(days=31))).roll_up()
        assert await SqlSavings(self.records, eligible_in).savings(Period(), 20) == savings
        return savings, counts[0], counts[1]


@pytest.fixture
async def stream(tmp_path: Path, keys: Keys, own_kafka: Kafka, postgres_url: str) -> AsyncIterator[Stream]:
    await migrate(postgres_url, MIGRATIONS)
    made = Stream(tmp_path, keys, own_kafka.bootstrap, postgres_url)
    yield made
    for worker in made.workers:
        worker.kill()
    await made.records.close()


async def test_R20_R21_R22_the_hours_are_right_and_stay_right_when_all_comes_twice_and_workers_are_killed(
    stream: Stream,
) -> None:
    events = told(0, UNLOCKS)
    total = sum(map(len, events.values()))
    await stream.tell(events)
    await stream.stored(total)
    first = await stream.figures()
    assert first[0].saved.saved_hours == HOURS[0]
    assert first[1:] == (total, total)

    twice = await stream.again()
    await stream.stored(total + twice)
    assert twice == total
    assert await stream.figures() == first

    more = told(UNLOCKS, MORE)
    await stream.tell(more)
    await stream.stored(total + twice + sum(map(len, more.values())))
    assert (await stream.figures())[0].saved.saved_hours == HOURS[1]
    assert (await stream.figures())[0].in_person > 0
