"""Outbox → Kafka → Faust → database under faults: no record is lost, none is there twice, no gap.

All parts are real. Each fault strikes inside the worker at random points of a batch, two workers share the
partitions, and whoever ends is started again, as Kubernetes would. While that goes on, Kafka must never
believe more than the database holds. SOAK=1 takes ten times as many events.
"""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import select

from deploy.local.child import Child, free_port
from deploy.local.kafka import Kafka
from deploy.local.keys import Keys
from services.audit.__main__ import MIGRATIONS
from services.audit.consumer import GROUP
from services.audit.domain.ledger import Run
from services.audit.repair import find_missing
from services.audit.reports import SqlReports
from services.audit.tables import RECORDS, SET_ASIDE
from services.runtime.database import Database, migrate
from tests.faults.audit_source import TOPIC, Source, source

SESSIONS = 5000 if os.environ.get("SOAK") else 500
"""Two events each, for each of the four faults: 4,000 events in all (soak: 40,000)."""

DEADLINE_SECONDS = 1200 if os.environ.get("SOAK") else 150
"""For one fault; a quiet machine needs a tenth of it."""

PLACES = [{"LISTEN_ADDRESS": f"127.0.0.1:{free_port()}"} for _ in range(2)]
"""Each worker keeps its place over restarts, and by that its name in the group."""

TAKES_PART = "stream_started"
"""What a worker's log says by then."""

MORE = 10 if os.environ.get("SOAK") else 1

FAULTS = {"rebalance": 2 * MORE, "raise": 3 * MORE, "cancel": 3 * MORE, "kill": 3 * MORE}
"""How often each strikes, at three points of a batch in turn; a rebalance ends the second worker in order."""


class Workers:
    """Two `audit store` processes with a fault; whoever ended is started again."""

    def __init__(self, folder: Path, environment: dict[str, str], fault: str) -> None:
        self._struck = folder / f"{fault}.struck"
        hits = "0" if fault == "rebalance" else str(FAULTS[fault])
        environment |= {
            "AUDIT_FAULT": fault, "AUDIT_FAULT_HITS": hits, "AUDIT_FAULT_FILE": str(self._struck)
        }  # fmt: skip
        argv = [sys.executable, "-m", "tests.faults.audit_worker", "store"]
        self._fault = fault
        self._children = [
            Child(f"audit-{number}", argv, folder / f"{fault}-{number}.log", environment | place, TAKES_PART)
            for number, place in enumerate(PLACES, 1)
        ]

    async def start(self) -> None:
        """Start both; wait until both take part."""
        for child in self._children:
            child.launch()
        for child in self._children:
            await asyncio.to_thread(child.wait_ready, 60)

    async def keep_alive(self) -> None:
        """Start those that are not running; for a rebalance, end the second as soon as it takes part."""
        second = self._children[1]
        due = self._fault == "rebalance" and self.hits() < FAULTS["rebalance"]
        if due and second.running and TAKES_PART in second.written():
            await asyncio.to_thread(second.stop)
            with self._struck.open("a") as file:
                file.write("stopped\n")
        for child in self._children:
            if not child.running:
                child.launch()

    def hits(self) -> int:
        """How often the fault struck."""
        return len(self._struck.read_text().splitlines()) if self._struck.exists() else 0

    def end(self) -> None:
        """End both."""
        for child in self._children:
            child.kill()


@pytest.mark.timeout(4 * DEADLINE_SECONDS)
async def test_I6_F6_F7_D1_no_record_is_lost_and_none_is_there_twice(
    own_kafka: Kafka, keys: Keys, postgres_url: str, tmp_path: Path
) -> None:
    environment = _environment(own_kafka.bootstrap, keys, postgres_url)
    async with _records(postgres_url) as records, source(tmp_path, own_kafka.bootstrap) as told:
        for fault in FAULTS:
            workers = Workers(tmp_path, environment, fault)
            try:
                seconds = await _through(workers, fault, told, own_kafka.bootstrap, records)
            finally:
                workers.end()
            print(f"{fault}: {workers.hits()} hits, {len(told.told)} events told so far, {seconds:.1f} s")

        assert sorted(await _stored(records)) == sorted(told.told)
        assert await SqlReports(records).held() == await _in_kafka(own_kafka.bootstrap)
        assert await SqlReports(records).gaps() == []
        assert await _set_aside(records) == []


async def _through(workers: Workers, fault: str, told: Source, bootstrap: str, records: Database) -> float:
    """Tell, and watch, until all is stored and the fault has struck as often as it should."""
    start = time.monotonic()
    await workers.start()
    telling = asyncio.create_task(told.tell(SESSIONS, pause=0.05))
    while workers.hits() < FAULTS[fault] or not telling.done() or set(await _stored(records)) != told.told:
        assert time.monotonic() < start + DEADLINE_SECONDS, (len(await _stored(records)), len(told.told))
        await workers.keep_alive()
        assert await _believed_and_not_held(bootstrap, records) == []
        if telling.done() and workers.hits() < FAULTS[fault]:
            telling = asyncio.create_task(told.tell(20))
        await asyncio.sleep(0.3)
    await telling
    return time.monotonic() - start


def _environment(bootstrap: str, keys: Keys, url: str) -> dict[str, str]:
    return {
        **keys.tls("audit_store"),
        "AUDIT_DATABASE_URL": url,
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "AUDIT_SESSION_SECONDS": "3",
        "AUDIT_BATCH": "50",
    }


@asynccontextmanager
async def _records(url: str) -> AsyncIterator[Database]:
    await migrate(url, MIGRATIONS)
    database = Database(url)
    try:
        yield database
    finally:
        await database.close()


async def _stored(records: Database) -> list[str]:
    async with records.read() as connection:
        return list((await connection.execute(select(RECORDS.c.ce_id))).scalars())


async def _set_aside(records: Database) -> list[str]:
    async with records.read() as connection:
        return list((await connection.execute(select(SET_ASIDE.c.cause))).scalars())


async def _believed_and_not_held(bootstrap: str, records: Database) -> list[Run]:
    """Offsets that Kafka takes for done and the database does not hold; never any."""
    return await find_missing(bootstrap, GROUP, [TOPIC], SqlReports(records).held)


async def _in_kafka(bootstrap: str) -> list[Run]:
    """All that stands in the topic, as the ledger would hold it."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        ends = await consumer.end_offsets([TopicPartition(TOPIC, number) for number in range(12)])
    finally:
        await consumer.stop()
    return [Run(at.topic, at.partition, 0, end - 1) for at, end in sorted(ends.items()) if end]
