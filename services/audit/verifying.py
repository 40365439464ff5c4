"""`audit verify`: is what is stored what was signed? Records, places, tiles and heads, in bounded memory.

Of each place there are up to three tellings of one hash: its row, its tile, and the record itself. What two
of them say is taken for right, so that one change names itself and nothing else. What somebody changed in
all three no longer leads to the signed heads.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.consumer import card_fact_in, counted_at
from services.audit.counting import Eligible
from services.audit.domain.leaf import leaf_of
from services.audit.domain.merkle import TILE_WIDTH, RightEdge, Tile, hash_leaf
from services.audit.domain.record import Outcome
from services.audit.domain.retiring import is_due
from services.audit.domain.span import month_of
from services.audit.log_storage import read_tile, stored_of
from services.audit.roll_ups import differing
from services.audit.storage import CARD_COLUMNS, card_columns, instant_of, microseconds, outcome_columns
from services.audit.tables import BODIES, HEADS, LEAVES, RECORDS, RETIRED, SAME_BODY, TILES, UNSEQUENCED
from services.runtime.database import Database

PAGE = 1000
"""Rows read at once."""

SIGNED_WITHIN = timedelta(minutes=1)
"""Of its storing a record is under a signed head, as long as the sequencer runs."""

Found = Callable[[str], None]


class BadHead(Exception):
    """A head that the log's key has not signed, or that is none; says why."""


@dataclass(frozen=True)
class Signed:
    """What a verified head says."""

    size: int
    root: bytes


ReadHead = Callable[[str], Signed]
"""Verifies a note. Raises BadHead."""

ReadOutcome = Callable[[str, bytes], Outcome | None]


@dataclass
class Verification:
    """What was looked at, and what is wrong, in words."""

    records: int = 0
    heads: int = 0
    wrong: list[str] = field(default_factory=list)
    retired: int = 0
    """Records whose bodies were dropped by age: their places are judged, by row and tile."""
    unsigned: int = 0
    """Records at the end that no signed head covers yet."""


async def verify(
    database: Database,
    read_head: ReadHead,
    read_outcome: ReadOutcome,
    eligible: Eligible,
    kept: Mapping[str, str],
    now: datetime,
) -> Verification:
    """Look at everything, and recount every roll-up. `kept`: notes that somebody kept elsewhere, by name."""
    done = Verification()
    async with database.read() as connection:
        retired = await _months_retired(connection, now, done.wrong.append)
        walk = _Walk(connection, done.wrong.append, read_outcome, retired)
        outside = _heads_outside(kept, read_head, done.wrong.append)
        signed = 0
        async for head in _pages(connection, select(HEADS), HEADS.c.size):
            signed = head.size
            await _judge_outside(outside, head.size, walk, done.wrong.append)
            await walk.up_to(head.size)
            _judge_head(head, walk, read_head, done.wrong.append)
            done.heads += 1
        await _judge_outside(outside, None, walk, done.wrong.append)
        await walk.up_to(None)
        done.records, done.retired = walk.edge.size, walk.retired
        done.unsigned = max(0, walk.edge.size - signed)
        await _judge_end(connection, signed, done, now)
        await _judge_places(connection, done.wrong.append)
        done.wrong += await differing(connection, eligible)
    return done


class _Walk:
    """Goes through the log leaf by leaf, and knows the tree's root where it stands."""

    def __init__(
        self, connection: AsyncConnection, found: Found, read_outcome: ReadOutcome, retired: set[str]
    ) -> None:
        self.edge = RightEdge()
        self.retired = 0
        self._months = retired
        self._connection = connection
        self._found = found
        self._read_outcome = read_outcome
        self._rows = self._leaves()
        self._next: Row[Any] | None = None
        self._tile: tuple[int, list[bytes]] = (-1, [])
        self._ended = False

    def root_at(self, size: int) -> bytes | None:
        """The root; None where the log is smaller than that."""
        return self.edge.root() if self.edge.size == size else None

    async def up_to(self, size: int | None) -> None:
        """Take leaves until the tree has that size, or all that there are."""
        while size is None or self.edge.size < size:
            row = await self._row()
            if row is None and not await self._has_tile():
                return
            await self._take(row)

    async def _take(self, row: Row[Any] | None) -> None:
        """Take the next place, with its row or without."""
        place = self.edge.size
        here = row if row is not None and row.leaf_index == place else None
        if here is not None:
            self._next = None
        right = await self._judge_place(place, here)
        for tile in self.edge.append(right):
            await self._judge_tile(tile)

    async def _judge_place(self, place: int, row: Row[Any] | None) -> bytes:
        """Return the hash of a place, and tell of each telling that differs."""
        in_record = None
        if row is not None and row.body is not None:
            in_record = hash_leaf(leaf_of(stored_of(row).record))
        in_row = bytes(row.leaf_hash) if row is not None else None
        in_tile = await self._hash_in_tile(place)
        tellings = [each for each in (in_row, in_tile, in_record) if each is not None]
        right = max(tellings, key=tellings.count, default=bytes(32))
        name = f"place {place}" + (f", record {row.place_of}" if row is not None else "")
        if row is None:
            self._found(f"{name}: the place was removed")
        elif row.ce_id is None:
            self._found(f"{name}: the record was removed")
        elif in_record is None:
            self._judge_age(name, row)
        elif in_record != right:
            self._found(f"{name}: the record was changed")
        elif self._columns_differ(row):
            self._found(f"{name}: its columns no longer say what its body says")
        if in_row is not None and in_row != right:
            self._found(f"{name}: the hash of the place was changed")
        if in_tile is not None and in_tile != right:
            self._found(f"{name}: its hash in the tile was changed")
        return right

    def _judge_age(self, name: str, row: Row[Any]) -> None:
        """A body may be missing where its month was retired."""
        if month_of(instant_of(row.stored_us)) in self._months:
            self.retired += 1
        else:
            self._found(f"{name}: its body was removed")

    def _columns_differ(self, row: Row[Any]) -> bool:
        try:
            outcome = self._read_outcome(row.ce_type, bytes(row.body))
        except Exception:
            return True
        if outcome is None:
            at = counted_at(row.ce_type, bytes(row.body))
            moved = at is not None and microseconds(at) != row.occurred_us
            return row.kind is not None or moved or self._card_differs(row)
        said = outcome_columns(outcome) | {"occurred_us": microseconds(outcome.occurred_at)}
        return any(row._mapping[name] != value for name, value in said.items())

    @staticmethod
    def _card_differs(row: Row[Any]) -> bool:
        """Judge the columns of what is no outcome; what was stored before they were filled has none."""
        fact = card_fact_in(row.ce_type, row.source, bytes(row.body))
        said = card_columns(fact) if fact else dict.fromkeys(CARD_COLUMNS)
        has = {name: row._mapping[name] for name in CARD_COLUMNS}
        return has != said and any(value is not None for value in has.values())

    async def _judge_tile(self, tile: Tile) -> None:
        name = f"tile {tile.number} of level {tile.level}"
        chosen = select(TILES).where(TILES.c.level == tile.level, TILES.c.number == tile.number)
        row = (await self._connection.execute(chosen)).first()
        if row is None:
            self._found(f"{name}: was removed")
        elif bytes(row.root) != tile.root or (tile.level and bytes(row.hashes) != b"".join(tile.hashes)):
            self._found(f"{name}: was changed")

    async def _hash_in_tile(self, place: int) -> bytes | None:
        number, within = divmod(place, TILE_WIDTH)
        if self._tile[0] != number:
            full = select(TILES.c.number).where(TILES.c.level == 0, TILES.c.number == number)
            there = await self._connection.scalar(full) is not None
            self._tile = (number, await read_tile(self._connection, 0, number) if there else [])
        return self._tile[1][within] if within < len(self._tile[1]) else None

    async def _has_tile(self) -> bool:
        return await self._hash_in_tile(self.edge.size) is not None

    async def _row(self) -> Row[Any] | None:
        if self._next is None and not self._ended:
            self._next = await anext(self._rows, None)
            self._ended = self._next is None
        if self._next is not None and self._next.leaf_index < self.edge.size:
            raise AssertionError("leaves come in order")
        return self._next

    def _leaves(self) -> AsyncIterator[Row[Any]]:
        columns = (LEAVES.c.leaf_index, LEAVES.c.leaf_hash, LEAVES.c.ce_id.label("place_of"))
        chosen = (
            select(*columns, RECORDS, BODIES.c.body)
            .select_from(LEAVES)
            .outerjoin(RECORDS, RECORDS.c.ce_id == LEAVES.c.ce_id)
            .outerjoin(BODIES, SAME_BODY)
        )
        return _pages(self._connection, chosen, LEAVES.c.leaf_index)


async def _pages(connection: AsyncConnection, chosen: Select[Any], key: Any) -> AsyncIterator[Row[Any]]:
    """Give all rows in the order of a unique key, a page at a time."""
    last = -1
    while True:
        page = (await connection.execute(chosen.where(key > last).order_by(key).limit(PAGE))).all()
        for row in page:
            yield row
        if len(page) < PAGE:
            return
        last = page[-1]._mapping[key]


def _judge_head(row: Row[Any], walk: _Walk, read_head: ReadHead, found: Found) -> None:
    name = f"head of {row.size} records"
    try:
        signed = read_head(row.note)
    except BadHead as why:
        return found(f"{name}: {why}")
    if (signed.size, signed.root) != (row.size, bytes(row.root)):
        return found(f"{name}: its row and its note differ")
    root = walk.root_at(row.size)
    if root is None:
        return found(f"{name}: the log has only {walk.edge.size}: records at its end were removed")
    if root != signed.root:
        found(f"{name}: forked: it was signed over other records than these")
    return None


def _heads_outside(
    kept: Mapping[str, str], read_head: ReadHead, found: Found
) -> dict[int, list[tuple[str, Signed]]]:
    heads: dict[int, list[tuple[str, Signed]]] = {}
    for name, note in kept.items():
        try:
            signed = read_head(note)
        except BadHead as why:
            found(f"{name}: {why}")
        else:
            heads.setdefault(signed.size, []).append((name, signed))
    return heads


async def _judge_outside(
    outside: dict[int, list[tuple[str, Signed]]], below: int | None, walk: _Walk, found: Found
) -> None:
    """Judge kept heads up to a size that was not passed yet; None: all that are left."""
    for size in sorted(size for size in outside if below is None or size <= below):
        await walk.up_to(size)
        root = walk.root_at(size)
        for name, signed in outside.pop(size):
            if root is None:
                found(f"{name}: signed over {signed.size} records, more than the log has")
            elif signed.root != root:
                found(f"{name}: forked: signed over other records than these {signed.size}")


async def _months_retired(connection: AsyncConnection, now: datetime, found: Found) -> set[str]:
    """Return the months whose bodies may be missing; name those that were dropped before their time."""
    retired = set(await connection.scalars(select(RETIRED.c.month)))
    early = {month for month in retired if not is_due(month, now)}
    for month in sorted(early):
        found(f"month {month}: its bodies were dropped before they were 400 days old")
    return retired - early


async def _judge_end(connection: AsyncConnection, signed: int, done: Verification, now: datetime) -> None:
    """What comes is signed each second; what was not, has lost its head, or nobody signs."""
    stored = select(RECORDS.c.stored_us).join(LEAVES, LEAVES.c.ce_id == RECORDS.c.ce_id)
    first = await connection.scalar(stored.where(LEAVES.c.leaf_index == signed))
    if first is not None and instant_of(first) < now - SIGNED_WITHIN:
        done.wrong.append(
            f"the last {done.unsigned} records: under no signed head. "
            "Where audit_sequencer runs, heads were removed"
        )


async def _judge_places(connection: AsyncConnection, found: Found) -> None:
    """Every record has a place, or waits for one."""
    lost = (
        select(func.count())
        .select_from(RECORDS)
        .outerjoin(LEAVES, LEAVES.c.ce_id == RECORDS.c.ce_id)
        .outerjoin(UNSEQUENCED, UNSEQUENCED.c.ce_id == RECORDS.c.ce_id)
        .where(LEAVES.c.ce_id.is_(None), UNSEQUENCED.c.ce_id.is_(None))
    )
    if count := await connection.scalar(lost):
        found(f"{count} records have no place and wait for none")
