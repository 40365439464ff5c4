"""The Merkle log in SQLite or PostgreSQL (SQLAlchemy)."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Row,
    Text,
    any_,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.checkpoint import Head
from services.audit.domain.leaf import Received
from services.audit.domain.log import Fact, Sequenced, Signed, Stored
from services.audit.domain.merkle import HASH_LENGTH, RightEdge, Span, Tile, levels_of
from services.audit.domain.record import Origin
from services.audit.ports import SignedHead, StoreBusy
from services.audit.roll_ups import touch
from services.audit.storage import instant_of, microseconds
from services.audit.tables import BODIES, HEADS, LEAVES, OUTBOX, RECORDS, TILES, UNSEQUENCED, WITH_BODIES
from services.runtime.clock import Clock
from services.runtime.database import Database, TransientDatabaseError
from services.runtime.outbox import Event, tell_all
from services.runtime.randomness import Randomness

AWAY = (TransientDatabaseError, OperationalError, InterfaceError, OSError)
"""What a database raises that is away, full or busy."""

EventOf = Callable[[Fact], Event]


class SqlLogWork:
    """One transaction on the log."""

    def __init__(
        self,
        connection: AsyncConnection,
        source: str,
        clock: Clock,
        randomness: Randomness,
        event_of: EventOf,
    ) -> None:
        self._connection = connection
        self._source = source
        self._clock = clock
        self._randomness = randomness
        self._event_of = event_of

    async def size(self) -> int:
        """How many leaves the log has."""
        return await size_of(self._connection)

    async def edge(self, size: int) -> RightEdge:
        """Read the tiles that are not full in the tree of the first `size` leaves."""
        levels = [
            (await read_tile(self._connection, level, number))[:width]
            for level, number, width in levels_of(size)
        ]
        return RightEdge(size, levels)

    async def waiting(self, limit: int) -> Sequence[Stored]:
        """Return records without a place, by their event ids."""
        there = WITH_BODIES.join(UNSEQUENCED, UNSEQUENCED.c.ce_id == RECORDS.c.ce_id)
        chosen = select(*_OF_STORED).select_from(there)
        rows = await self._connection.execute(chosen.order_by(UNSEQUENCED.c.ce_id).limit(limit))
        return [stored_of(row) for row in rows]

    async def append(
        self, first: int, records: Sequence[Stored], hashes: Sequence[bytes], tiles: Sequence[Tile]
    ) -> None:
        """Give records their places, and tell of it. Raises StoreBusy."""
        if not records:
            return
        ids = [stored.record.ce_id for stored in records]
        await add_leaves(self._connection, first, ids, hashes)
        await add_tiles(self._connection, tiles)
        await self._connection.execute(delete(UNSEQUENCED).where(_is_one_of(ids, self._connection)))
        await touch(self._connection, ids)
        await self._tell([Sequenced(first + at, stored) for at, stored in enumerate(records)])

    async def newest_head(self) -> Head | None:
        """Return the head of the largest size."""
        row = (await self._connection.execute(select(HEADS).order_by(HEADS.c.size.desc()).limit(1))).first()
        return head_of(row) if row else None

    async def sign(self, head: Head, peaks: Sequence[bytes]) -> None:
        """Keep a head, and tell of it."""
        now = self._clock.now()
        await add_head(self._connection, SignedHead(head, now), peaks)
        await self._tell([Signed(head, now)])

    async def _tell(self, facts: Sequence[Fact]) -> None:
        events = [(self._event_of(fact), self._randomness.uuid7()) for fact in facts]
        await tell_all(self._connection, OUTBOX, self._source, events)


class SqlLog:
    """The log of one database; `source` is the process that tells of it."""

    def __init__(
        self, database: Database, source: str, clock: Clock, randomness: Randomness, event_of: EventOf
    ) -> None:
        self._database = database
        self._surroundings = (source, clock, randomness, event_of)

    @asynccontextmanager
    async def begin(self, name: str) -> AsyncIterator[SqlLogWork]:
        """Run one transaction. Raises StoreBusy."""
        try:
            async with self._database.begin(name) as connection:
                yield SqlLogWork(connection, *self._surroundings)
        except (*AWAY, IntegrityError) as error:
            # A place that is taken: another sequencer was faster. What is stored is right either way.
            raise StoreBusy from error

    async def anything_waits(self) -> bool:
        """Tell whether a record has no place yet. Raises StoreBusy."""
        return await self._first(select(UNSEQUENCED.c.ce_id).limit(1)) is not None

    async def heads_after(self, size: int, limit: int) -> Sequence[SignedHead]:
        """Return heads of larger trees, the smallest first. Raises StoreBusy."""
        chosen = select(HEADS).where(HEADS.c.size > size).order_by(HEADS.c.size).limit(limit)
        try:
            async with self._database.read() as connection:
                rows = (await connection.execute(chosen)).all()
        except AWAY as error:
            raise StoreBusy from error
        return [SignedHead(head_of(row), instant_of(row.signed_us)) for row in rows]

    async def head_at(self, size: int) -> Head | None:
        """Return the head of exactly this size. Raises StoreBusy."""
        row = await self._first(select(HEADS).where(HEADS.c.size == size))
        return head_of(row) if row else None

    async def _first(self, statement: Any) -> Row[Any] | None:
        try:
            async with self._database.read() as connection:
                found: Row[Any] | None = (await connection.execute(statement)).first()
                return found
        except AWAY as error:
            raise StoreBusy from error


async def size_of(connection: AsyncConnection) -> int:
    """How many leaves the log has: places have no gap."""
    last = await connection.scalar(select(func.max(LEAVES.c.leaf_index)))
    return 0 if last is None else int(last) + 1


async def read_tile(connection: AsyncConnection, level: int, number: int) -> list[bytes]:
    """Return the hashes of a tile, as many as there are: one that is not full is put together anew."""
    full = select(TILES.c.hashes).where(TILES.c.level == level, TILES.c.number == number)
    hashes = await connection.scalar(full)
    if hashes is not None:
        return _cut(hashes)
    span = Span(number << 8, (number + 1) << 8)
    if level == 0:
        below = select(LEAVES.c.leaf_hash).where(
            LEAVES.c.leaf_index >= span.start, LEAVES.c.leaf_index < span.end
        )
        return [bytes(each) for each in await connection.scalars(below.order_by(LEAVES.c.leaf_index))]
    roots = select(TILES.c.root).where(
        TILES.c.level == level - 1, TILES.c.number >= span.start, TILES.c.number < span.end
    )
    return [bytes(each) for each in await connection.scalars(roots.order_by(TILES.c.number))]


async def add_leaves(
    connection: AsyncConnection, first: int, ids: Sequence[str], hashes: Sequence[bytes]
) -> None:
    """Keep leaves, the first at place `first`. Raises IntegrityError where a place is taken."""
    columns = {"leaf_index": list(range(first, first + len(ids))), "ce_id": ids, "leaf_hash": hashes}
    if connection.dialect.name == "postgresql":
        await connection.execute(_LEAVES_BY_COLUMNS, columns)
    else:
        rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        await connection.execute(insert(LEAVES), rows)


def _is_one_of(ids: Sequence[str], connection: AsyncConnection) -> ColumnElement[bool]:
    """PostgreSQL reads the same statement once, however many they are."""
    if connection.dialect.name == "postgresql":
        return UNSEQUENCED.c.ce_id == any_(literal(ids, ARRAY(Text)))
    return UNSEQUENCED.c.ce_id.in_(ids)


_LEAVES_BY_COLUMNS = insert(LEAVES).from_select(
    [column.name for column in LEAVES.c],
    select(*(func.unnest(bindparam(column.name, type_=ARRAY(column.type))) for column in LEAVES.c)),
)
"""One array a column: PostgreSQL reads the statement once, however many rows there are."""

_OF_STORED = [
    RECORDS.c[name]
    for name in (
        "ce_id", "ce_type", "source", "subject", "relayseq", "traceparent", "topic", "partition",
        "kafka_offset", "occurred_us", "stored_us",
    )
] + [BODIES.c.body]  # fmt: skip
"""What `stored_of` reads."""


async def add_tiles(connection: AsyncConnection, tiles: Sequence[Tile]) -> None:
    """Keep full tiles."""
    rows = [
        {
            "level": tile.level,
            "number": tile.number,
            "root": tile.root,
            "hashes": b"".join(tile.hashes),
        }
        for tile in tiles
    ]
    if rows:
        await connection.execute(insert(TILES), rows)


async def add_head(connection: AsyncConnection, signed: SignedHead, peaks: Sequence[bytes]) -> None:
    """Keep a head."""
    head = signed.head
    row = {"size": head.size, "root": head.root, "peaks": b"".join(peaks), "note": head.note}
    await connection.execute(insert(HEADS), row | {"signed_us": microseconds(signed.signed_at)})


def head_of(row: Row[Any]) -> Head:
    """Return a row of `heads` as a head."""
    return Head(row.size, bytes(row.root), row.note)


def peaks_of(row: Row[Any]) -> list[bytes]:
    """Return the roots of a head's perfect subtrees."""
    return _cut(row.peaks)


def stored_of(row: Row[Any]) -> Stored:
    """Return a row of `records` with its body as a stored record."""
    return Stored(
        Received(
            row.ce_id, row.ce_type, row.source, row.subject, row.relayseq, row.traceparent, bytes(row.body)
        ),
        Origin(row.topic, row.partition, row.kafka_offset),
        instant_of(row.occurred_us),
        instant_of(row.stored_us),
    )


def _cut(hashes: bytes) -> list[bytes]:
    return [bytes(hashes[at : at + HASH_LENGTH]) for at in range(0, len(hashes), HASH_LENGTH)]
