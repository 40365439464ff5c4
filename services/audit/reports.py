"""What the records say, as SQL over them: saved time, one session, gaps. Reads only."""

import itertools
from collections.abc import Sequence

from sqlalchemy import CTE, ColumnElement, FromClause, and_, case, func, or_, select

from services.audit.domain.ledger import Run
from services.audit.domain.saved_time import (
    REPEAT_WITHIN,
    SAVING_REASONS,
    SAVING_ROUTE,
    Counted,
    LastWords,
    Period,
)
from services.audit.ports import StoredRecord
from services.audit.storage import instant_of, microseconds
from services.audit.tables import IS_OUTCOME, LEDGER, RECORDS
from services.runtime.database import Database


class SqlReports:
    """Reports from SQLite or PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def counted(self, period: Period) -> Counted:
        """Sum the outcomes of a period by last word."""
        last = last_words()
        unlocks = _unlocks(last)
        repeat = case((unlocks.c.since_us < REPEAT_WITHIN.total_seconds() * 1_000_000, 1), else_=0)
        sums = select(func.count(), func.sum(repeat), func.sum(unlocks.c.took_ms)).where(
            within(unlocks, period)
        )
        words = select(last.c.kind, last.c.code, func.count()).where(last.c.place == 1, within(last, period))
        async with self._database.read() as connection:
            count, repeats, took = (await connection.execute(sums)).one()
            groups = await connection.execute(
                words.group_by(last.c.kind, last.c.code).order_by(last.c.kind, last.c.code)
            )
            found = tuple(LastWords(kind, code, sessions) for kind, code, sessions in groups)
        return Counted(count, int(repeats or 0), int(took or 0), found)

    async def session_records(self, session_id: str) -> Sequence[StoredRecord]:
        """Return the outcomes of one session in the order they happened."""
        chosen = select(RECORDS.c.ce_id, RECORDS.c.source, RECORDS.c.body, RECORDS.c.stored_us).where(
            RECORDS.c.session_id == session_id, IS_OUTCOME
        )
        async with self._database.read() as connection:
            rows = await connection.execute(chosen.order_by(RECORDS.c.occurred_us, RECORDS.c.ce_id))
            return [StoredRecord(row.ce_id, row.source, row.body, instant_of(row.stored_us)) for row in rows]

    async def gaps(self) -> Sequence[Run]:
        """Return the runs of offsets that are missing between stored ones."""
        held = await self.held()
        pairs = itertools.pairwise(held)
        return [
            Run(left.topic, left.partition, left.last + 1, right.first - 1)
            for left, right in pairs
            if (left.topic, left.partition) == (right.topic, right.partition)
        ]

    async def held(self) -> Sequence[Run]:
        """Return the fewest runs of offsets that hold all that was stored."""
        partition = (LEDGER.c.topic, LEDGER.c.partition)
        order = (LEDGER.c.first_offset, LEDGER.c.last_offset)
        reached = func.max(LEDGER.c.last_offset).over(partition_by=partition, order_by=order, rows=(None, -1))
        seen = select(LEDGER, reached.label("reached")).cte("seen")
        begins = case((seen.c.first_offset > func.coalesce(seen.c.reached, -2) + 1, 1), else_=0)
        where = (seen.c.topic, seen.c.partition)
        order_seen = (seen.c.first_offset, seen.c.last_offset)
        island = (
            func.sum(begins).over(partition_by=where, order_by=order_seen, rows=(None, 0)).label("island")
        )
        islands = select(seen, island).cte("islands")
        key = (islands.c.topic, islands.c.partition, islands.c.island)
        held = select(*key, func.min(islands.c.first_offset), func.max(islands.c.last_offset)).group_by(*key)
        async with self._database.read() as connection:
            rows = await connection.execute(held.order_by(*key))
            return [Run(topic, part, first, last) for topic, part, _, first, last in rows]


def last_words() -> CTE:
    """All outcomes; `place` 1 is the last word of its session, by rank and not by time."""
    place = func.row_number().over(
        partition_by=RECORDS.c.session_id, order_by=(RECORDS.c.rank, RECORDS.c.ce_id)
    )
    return select(RECORDS, place.label("place")).where(IS_OUTCOME).cte("last_words")


def _unlocks(last: CTE) -> CTE:
    """The sessions that count, with the time since the unlock before of the same card."""
    before = func.lag(last.c.occurred_us).over(
        partition_by=last.c.card_ref, order_by=(last.c.occurred_us, last.c.session_id)
    )
    columns = (last.c.organisation, last.c.occurred_us, last.c.took_ms)
    return (
        select(*columns, (last.c.occurred_us - before).label("since_us"))
        .where(last.c.place == 1, saves(last))
        .cte("unlocks")
    )


def unlocked(last: CTE) -> ColumnElement[bool]:
    """A card was unlocked, whoever did it and why."""
    return or_(last.c.kind == "SUCCESS", and_(last.c.kind == "RESOLVED", last.c.resolved_success))


def saves(last: CTE) -> ColumnElement[bool]:
    """A visit was saved."""
    return and_(unlocked(last), last.c.reason.in_(SAVING_REASONS), last.c.route == SAVING_ROUTE)


def within(rows: FromClause, period: Period) -> ColumnElement[bool]:
    """In the period, and of its organisation where it names one."""
    limits: list[ColumnElement[bool]] = [rows.c.occurred_us.is_not(None)]
    if period.start:
        limits.append(rows.c.occurred_us >= microseconds(period.start))
    if period.end:
        limits.append(rows.c.occurred_us < microseconds(period.end))
    if period.organisation:
        limits.append(rows.c.organisation == period.organisation)
    return and_(*limits)
