"""Events a second from an outbox to audit records under a signed head, beside plain COPY in the same run.

`python -m bench.audit_stream [EVENTS]`: blocks on one Kafka and one PostgreSQL (with fsync), each from the
first row that may leave to the last row that is committed. Prints one table. A = outbox, relay, Kafka,
Faust, records with their ledger; S = the same blocks, until a signed head covers the last record; B = a bare
producer, Kafka, a bare consumer, COPY of the raw columns, 500 a commit; C = that COPY alone.
"""

import asyncio
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from sqlalchemy import MetaData, Select, func, select

from bench.blocks import cpu_seconds
from bench.server import durable_postgres
from deploy.local.child import Child
from deploy.local.kafka import Kafka
from deploy.local.keys import make_keys
from deploy.local.postgres import Postgres
from deploy.topics import create
from services.audit.__main__ import MIGRATIONS
from services.audit.tables import HEADS, RECORDS
from services.runtime import logs
from services.runtime.cloud_events import headers_of
from services.runtime.database import Database, migrate
from services.runtime.outbox import OutboxRelay, outbox_tables, tell_all
from services.runtime.randomness import SystemRandomness
from tests.faults.audit_source import SOURCE, session_events

EVENTS = 5_000
BATCH = 500
BLOCKS = "ABCCBAABCCBA"
FLOOR_TOPIC = "notifier.events.v1.dlq"  # declared, and nobody listens
IDS = SystemRandomness()

Figures = dict[str, list[float]]
"""By kind of block, or by process."""


class Subject:
    """An outbox with its relay, and `audit store` in a process of its own."""

    def __init__(self, kafka: str, outbox_url: str, records_url: str) -> None:
        self._kafka = kafka
        metadata = MetaData()
        self._outbox, self._position = outbox_tables(metadata)
        self._metadata = metadata
        self._told = Database(outbox_url)
        self._records = Database(records_url)
        self._expected = 0

    async def prepare(self) -> None:
        async with self._told.engine.begin() as connection:
            await connection.run_sync(self._metadata.create_all)

    async def block(self, events: int) -> tuple[float, float]:
        """Seconds from the relay's start to the last record's commit, and until a head covers it."""
        for start in range(0, events, BATCH):
            chosen = [
                event for n in range(start, start + BATCH, 2) for event in session_events(IDS.uuid7(), n)
            ]
            async with self._told.begin("bench.tell") as connection:
                await tell_all(connection, self._outbox, SOURCE, [(event, IDS.uuid7()) for event in chosen])
        self._expected += events
        begun = time.monotonic()
        relay = asyncio.create_task(
            OutboxRelay(self._told, self._outbox, self._position, SOURCE, self._kafka).run()
        )
        stored = await self._until(select(func.count()).select_from(RECORDS)) - begun
        covered = await self._until(select(func.max(HEADS.c.size))) - begun
        relay.cancel()
        await asyncio.gather(relay, return_exceptions=True)
        return stored, covered

    async def _until(self, reached: Select[Any]) -> float:
        """The instant at which another process has brought a count to where it has to be."""
        while True:
            async with self._records.read() as connection:
                if int(await connection.scalar(reached) or 0) >= self._expected:
                    return time.monotonic()
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        await self._told.close()
        await self._records.close()


class Floor:
    """What nobody can do without: produce, consume, COPY."""

    def __init__(self, kafka: str, url: str) -> None:
        self._kafka = kafka
        self._url = url.replace("postgresql+psycopg:", "postgresql:")

    async def block(self, events: int) -> float:
        """Seconds from the first send to the last COPY's commit."""
        rows = [_row(event) for n in range(events // 2) for event in session_events(IDS.uuid7(), n)]
        async with self._consumer() as consumer:
            begun = time.monotonic()
            await asyncio.gather(self._produce(rows), self._copy(consumer, events))
            return time.monotonic() - begun

    async def _produce(self, rows: list[dict[str, Any]]) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self._kafka, enable_idempotence=True, acks="all")
        await producer.start()
        for start in range(0, len(rows), BATCH):
            acks = [
                await producer.send(
                    FLOOR_TOPIC, row["value"], key=row["key"].encode(), headers=headers_of(row)
                )
                for row in rows[start : start + BATCH]
            ]
            await asyncio.gather(*acks)
        await producer.stop()

    async def copy_alone(self, events: int) -> float:
        """Seconds for COPY of as many rows, and nothing else."""
        rows = [_row(event) for n in range(events // 2) for event in session_events(IDS.uuid7(), n)]
        begun = time.monotonic()
        async with self._table() as connection:
            for start in range(0, events, BATCH):
                batch = rows[start : start + BATCH]
                await _copied(connection, [(row["ce_id"], FLOOR_TOPIC, 0, 0, row["value"]) for row in batch])
        return time.monotonic() - begun

    async def _copy(self, consumer: AIOKafkaConsumer, events: int) -> None:
        async with self._table() as connection:
            stored = 0
            while stored < events:
                batches = await consumer.getmany(timeout_ms=100, max_records=BATCH)
                records = [record for batch in batches.values() for record in batch]
                await _copied(connection, [_copied_row(record) for record in records])
                await consumer.commit()
                stored += len(records)

    @asynccontextmanager
    async def _table(self) -> AsyncIterator[psycopg.AsyncConnection]:
        async with await psycopg.AsyncConnection.connect(self._url) as connection:
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS floor "
                "(ce_id text PRIMARY KEY, topic text, part int, at bigint, body bytea)"
            )
            await connection.commit()
            yield connection

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[AIOKafkaConsumer]:
        consumer = AIOKafkaConsumer(
            FLOOR_TOPIC, bootstrap_servers=self._kafka, group_id="floor", enable_auto_commit=False
        )
        await consumer.start()
        await consumer.seek_to_end()
        try:
            yield consumer
        finally:
            await consumer.stop()


async def _copied(connection: psycopg.AsyncConnection, rows: list[tuple[Any, ...]]) -> None:
    async with connection.cursor() as cursor, cursor.copy("COPY floor FROM STDIN") as copy:
        for row in rows:
            await copy.write_row(row)
    await connection.commit()


def _copied_row(record: Any) -> tuple[Any, ...]:
    ce_id = dict(record.headers)["ce_id"].decode()
    return ce_id, record.topic, record.partition, record.offset, record.value


def _row(event: Any) -> dict[str, Any]:
    kind, value = event.message.DESCRIPTOR.full_name, event.message.SerializeToString()
    return {
        "ce_id": IDS.uuid7(), "ce_type": kind, "source": SOURCE, "key": event.key, "value": value,
        "time": event.occurred_at, "relayseq": 1, "traceparent": "",
    }  # fmt: skip


async def measure(folder: Path, kafka: str, postgres: Postgres, events: int) -> tuple[Figures, Figures]:
    """Return the rates of all blocks, and the CPU-ms an event of our processes in the blocks A."""
    url = postgres.create_database()
    await migrate(url, MIGRATIONS)
    processes = [_child(folder, kafka, url, "store"), _child(folder, kafka, url, "sequencer")]
    subject, floor = Subject(kafka, postgres.create_database(), url), Floor(kafka, postgres.create_database())
    for process in processes:
        process.start()
    rates: dict[str, list[float]] = {"A": [], "S": [], "B": [], "C": []}
    parts = {process.name: process.pid for process in processes} | {"outbox, relay and bench": os.getpid()}
    used: dict[str, list[float]] = {name: [] for name in parts}
    try:
        await subject.prepare()
        await subject.block(BATCH)
        await floor.block(BATCH)
        for block in BLOCKS:
            if block == "A":
                before = {name: cpu_seconds(pid) for name, pid in parts.items()}
                stored, covered = await subject.block(events)
                for name, pid in parts.items():
                    used[name].append((cpu_seconds(pid) - before[name]) * 1000 / events)
                rates["A"].append(events / stored)
                rates["S"].append(events / covered)
            else:
                took = await (floor.block if block == "B" else floor.copy_alone)(events)
                rates[block].append(events / took)
    finally:
        for process in processes:
            process.stop()
        await subject.close()
    return rates, used


def _child(folder: Path, kafka: str, url: str, command: str) -> Child:
    keys, process = make_keys(folder / "keys"), f"audit_{command}"
    environment = keys.tls(process) | {"AUDIT_DATABASE_URL": url, "KAFKA_BOOTSTRAP_SERVERS": kafka}
    if command == "sequencer":
        environment["AUDIT_LOG_KEY_FILE"] = str(keys.audit_log)
    ready = {"store": "stream_started", "sequencer": "sequencer_leads"}[command]
    argv = [sys.executable, "-m", "services.audit", command]
    return Child(process, argv, folder / f"{command}.log", environment, ready)


def _print(rates: Figures, used: Figures, events: int) -> None:
    names = {
        "A": "A: outbox, Kafka, Faust, records",
        "S": "S: the same, under a signed head",
        "B": "B: aiokafka and COPY",
        "C": "C: COPY alone",
    }
    load = os.getloadavg()[0]
    print(
        f"{'':42}{'median':>10}{'least':>10}{'most':>10}   events a second, {events} a block, load {load:.1f}"
    )
    for block, name in names.items():
        _line(name, rates[block], ".0f")
    for over, under in (("B", "A"), ("B", "S"), ("C", "S")):
        times = [a / b for a, b in zip(rates[over], rates[under], strict=True)]
        _line(f"{under} takes so many times {over}", times, ".2f")
    for name, spent in used.items():
        _line(f"CPU-ms an event: {name}", spent, ".2f")


def _line(name: str, values: list[float], form: str) -> None:
    print(
        f"{name:42}"
        + "".join(f"{value:>10{form}}" for value in (statistics.median(values), min(values), max(values)))
    )


def main() -> None:
    """Start the servers, measure, print."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    logs.configure("bench", "WARNING")
    with durable_postgres() as (folder, postgres):
        kafka = Kafka(folder / "kafka")
        try:
            kafka.start()
            asyncio.run(create(kafka.bootstrap))
            _print(*asyncio.run(measure(folder, kafka.bootstrap, postgres, events)), events)
        finally:
            kafka.kill()


if __name__ == "__main__":
    main()
