"""State and its events in one transaction: the outbox, and the relay that alone produces.

Rows are inserted by `tell` in the caller's transaction. One relay a service (a lease on
PostgreSQL, one replica on SQLite) takes them in sequence and numbers them before they leave: the
`relayseq` has no gap per source and topic (not per source alone: no consumer hears every topic). It
deletes them after the broker's ack. A repeat after a crash carries the same `ce_id` and `relayseq`.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from google.protobuf.message import Message
from sqlalchemy import (
    ARRAY,
    BigInteger,
    BindParameter,
    Column,
    Delete,
    Insert,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Update,
    any_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)  # fmt: skip
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime import faults, logs, tracing
from services.runtime.brokers import Brokers, client_options
from services.runtime.cloud_events import headers_of
from services.runtime.database import Database, TransientDatabaseError, UtcDateTime
from services.runtime.lease import Lease, NotLeader

BATCH = 500
"""Rows a turn. Source: measured for audit, quality P10."""

IDLE_SECONDS = 0.5
"""How long rows of another replica may wait to be seen."""

log = logs.logger("outbox")


@dataclass(frozen=True)
class Event:
    """A fact to be told: `key` is the session id, or a holder reference for profile events."""

    topic: str
    key: str
    message: Message
    occurred_at: datetime


def outbox_tables(metadata: MetaData) -> tuple[Table, Table]:
    """Add the outbox and the relay's position to a service's tables; return both.

    AUTOINCREMENT, because SQLite uses row ids again after a delete, and order would be lost.
    """
    outbox = Table(
        "outbox",
        metadata,
        Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
        Column("ce_id", String(36), nullable=False, unique=True),
        Column("ce_type", String(128), nullable=False),
        Column("source", String(64), nullable=False),
        Column("topic", String(128), nullable=False),
        Column("key", String(64), nullable=False),
        Column("value", LargeBinary, nullable=False),
        Column("time", UtcDateTime, nullable=False),
        Column("traceparent", String(55), nullable=False),
        Column("relayseq", BigInteger, nullable=True),
        sqlite_autoincrement=True,
    )
    position = Table(
        "outbox_position",
        metadata,
        Column("topic", String(128), primary_key=True),
        Column("relayseq", BigInteger, nullable=False),
    )
    return outbox, position


async def tell(connection: AsyncConnection, outbox: Table, source: str, event: Event, ce_id: str) -> None:
    """Store an event in the caller's transaction. `source` is the telling process."""
    await tell_all(connection, outbox, source, [(event, ce_id)])


async def tell_all(
    connection: AsyncConnection, outbox: Table, source: str, events: Sequence[tuple[Event, str]]
) -> None:
    """Store events with their ids, in this order, in one statement."""
    rows = [_row(event, source, ce_id) for event, ce_id in events]
    if len(rows) == 1:
        # One row alone: psycopg sends lists through a pipeline, which costs more than the insert.
        await connection.execute(_insert_into(outbox), rows[0])
    elif rows and connection.dialect.name == "postgresql":
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        await connection.execute(_insert_columns_into(outbox), columns)
    elif rows:
        await connection.execute(_insert_into(outbox), rows)


@functools.cache
def _insert_into(outbox: Table) -> Insert:
    """Built once a table: building it costs as much as running it."""
    return insert(outbox).inline()


@functools.cache
def _insert_columns_into(outbox: Table) -> Insert:
    """One array a column, which come in the order of the list (PostgreSQL)."""
    told = [column for column in outbox.c if column.name not in ("seq", "relayseq")]
    arrays = [func.unnest(_array(column.name, column.type)) for column in told]
    return insert(outbox).from_select([column.name for column in told], select(*arrays)).inline()


def _array(name: str, kind: Any) -> BindParameter[Any]:
    return bindparam(name, type_=ARRAY(kind))


def _row(event: Event, source: str, ce_id: str) -> dict[str, Any]:
    return {
        "ce_id": ce_id,
        "ce_type": event.message.DESCRIPTOR.full_name,
        "source": source,
        "topic": event.topic,
        "key": event.key,
        "value": event.message.SerializeToString(deterministic=True),
        "time": event.occurred_at,
        "traceparent": tracing.current(),
    }


async def _always() -> bool:
    return True


class OutboxRelay:
    """Takes rows from the outbox to Kafka, in order, for as long as it runs."""

    def __init__(
        self,
        database: Database,
        outbox: Table,
        position: Table,
        source: str,
        brokers: Brokers | str,
        may_lead: Callable[[], Awaitable[bool]] = _always,
    ) -> None:
        """`may_lead` is asked each time before anything is numbered; where it says no, nothing leaves."""
        self._database = database
        self._outbox = outbox
        self._position = position
        self._source = source
        self._brokers = brokers
        self._may_lead = may_lead
        self._acked: list[int] = []

    async def run(self) -> None:
        """Relay until cancelled; outlive every outage of broker and database."""
        pause = 0.1
        while True:
            try:
                async with (
                    Lease(self._database, f"outbox:{self._source}"),
                    _producer(self._brokers) as producer,
                ):
                    if not await self._may_lead():
                        raise NotLeader
                    log.info("relay_leads", source=self._source)
                    pause = 0.1
                    while True:
                        await self._turn(producer)
            except (TransientDatabaseError, KafkaError, OSError) as error:
                log.warning("relay_waits", source=self._source, cause=type(error).__name__)
            except NotLeader:
                pause = 1.0
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)

    async def _turn(self, producer: AIOKafkaProducer) -> None:
        """Delete what was acked, number what is next, produce it, and wait for the acks."""
        self._database.committed.clear()
        rows = await self._next_rows()
        if not rows:
            with suppress(TimeoutError):
                async with asyncio.timeout(IDLE_SECONDS):
                    await self._database.committed.wait()
            return
        faults.reach(f"{self._source}.relay.before_send")
        acks = [
            await producer.send(row["topic"], row["value"], key=row["key"].encode(), headers=headers_of(row))
            for row in rows
        ]
        await asyncio.gather(*acks)
        faults.reach(f"{self._source}.relay.after_ack")
        self._acked = [row["seq"] for row in rows]

    async def _next_rows(self) -> Sequence[dict[str, Any]]:
        if not self._acked and not await self._anything():
            return []
        async with self._database.begin(f"{self._source}.relay") as connection:
            if self._acked:
                await connection.execute(_delete_acked(self._outbox, self._acked, connection))
            chosen = select(self._outbox).order_by(self._outbox.c.seq).limit(BATCH)
            rows = [dict(row) for row in (await connection.execute(chosen)).mappings()]
            await self._number(connection, [row for row in rows if row["relayseq"] is None])
        self._acked = []
        return rows

    async def _anything(self) -> bool:
        async with self._database.read() as connection:
            return (await connection.execute(select(self._outbox.c.seq).limit(1))).first() is not None

    async def _number(self, connection: AsyncConnection, new: Sequence[dict[str, Any]]) -> None:
        """Give rows their numbers, here and in the database."""
        if not new:
            return
        before = await self._positions(connection)
        now = dict(before)
        for row in new:
            row["relayseq"] = now[row["topic"]] = now.get(row["topic"], 0) + 1
        seqs, numbers = [row["seq"] for row in new], [row["relayseq"] for row in new]
        if connection.dialect.name == "postgresql":
            await connection.execute(_number_columns(self._outbox), {"seqs": seqs, "numbers": numbers})
        else:
            pairs = [{"row": seq, "number": number} for seq, number in zip(seqs, numbers, strict=True)]
            await connection.execute(_number_rows(self._outbox), pairs)
        await self._move_positions(connection, before, now)

    async def _positions(self, connection: AsyncConnection) -> dict[str, int]:
        rows = (await connection.execute(select(self._position.c.topic, self._position.c.relayseq))).all()
        return {row.topic: row.relayseq for row in rows}

    async def _move_positions(
        self, connection: AsyncConnection, before: dict[str, int], now: dict[str, int]
    ) -> None:
        position = self._position
        for topic, relayseq in now.items():
            if topic not in before:
                await connection.execute(insert(position).values(topic=topic, relayseq=relayseq))
            elif relayseq != before[topic]:
                moved = update(position).where(position.c.topic == topic)
                await connection.execute(moved.values(relayseq=relayseq))


def _delete_acked(outbox: Table, acked: Sequence[int], connection: AsyncConnection) -> Delete:
    """PostgreSQL reads the same statement once, however many they are."""
    if connection.dialect.name == "postgresql":
        return delete(outbox).where(outbox.c.seq == any_(literal(acked, ARRAY(BigInteger))))
    return delete(outbox).where(outbox.c.seq.in_(acked))


@functools.cache
def _number_rows(outbox: Table) -> Update:
    return update(outbox).where(outbox.c.seq == bindparam("row")).values(relayseq=bindparam("number"))


@functools.cache
def _number_columns(outbox: Table) -> Update:
    """All rows in one statement (PostgreSQL)."""
    arrays = _array("seqs", BigInteger), _array("numbers", BigInteger)
    pairs = func.unnest(*arrays).table_valued("numbered", "number").render_derived()
    return update(outbox).where(outbox.c.seq == pairs.c.numbered).values(relayseq=pairs.c.number)


class _producer:  # noqa: N801 - reads as a word in `with`
    """An idempotent producer, `acks=all`, started and stopped with the block."""

    def __init__(self, brokers: Brokers | str) -> None:
        self._brokers = brokers

    async def __aenter__(self) -> AIOKafkaProducer:
        self._producer = AIOKafkaProducer(
            **client_options(self._brokers),
            enable_idempotence=True,
            acks="all",
            request_timeout_ms=5000,
            retry_backoff_ms=100,
        )
        try:
            await self._producer.start()
        except BaseException:
            await self._producer.stop()
            raise
        return self._producer

    async def __aexit__(self, *_: object) -> None:
        with suppress(KafkaError, TimeoutError, asyncio.TimeoutError):
            async with asyncio.timeout(5):
                await self._producer.stop()
