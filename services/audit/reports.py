"""What the records say, as SQL over them: saved time, one session, gaps. Reads only."""

import itertools
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import CTE, ColumnElement, FromClause, and_, case, exists, func, or_, select, tuple_

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

_REPEAT_US = REPEAT_WITHIN // timedelta(microseconds=1)
IS_NO_SIGN_IN = func.coalesce(RECORDS.c.reason, "") != "SIGN_IN"


class SqlReports:
    """Reports from SQLite or PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def counted(self, period: Period) -> Counted:
        """Sum the outcomes of a period by last word."""
        rows = ended(period)
        sums = select(func.sum(rows.c.saves), func.sum(rows.c.again), func.sum(rows.c.took_ms * rows.c.saves))
        words = select(rows.c.kind, rows.c.code, func.count()).group_by(rows.c.kind, rows.c.code)
        async with self._database.read() as connection:
            count, repeats, took = (await connection.execute(sums)).one()
            groups = await connection.execute(words.order_by(rows.c.kind, rows.c.code))
            found = tuple(LastWords(kind, code, sessions) for kind, code, sessions in groups)
        return Counted(int(count or 0), int(repeats or 0), int(took or 0), found)

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


def last_words(period: Period) -> CTE:
    """The last word of each session, by rank and not by time, of a period and the day before it.

    The day before: it holds unlocks whose repeats are in the period. Sign-ins unlock nothing: left out.
    """
    limits = [IS_OUTCOME, IS_NO_SIGN_IN, _outranks_all(probing=period.start is not None)]
    if period.start:
        limits.append(RECORDS.c.occurred_us >= microseconds(period.start - REPEAT_WITHIN))
    if period.end:
        limits.append(RECORDS.c.occurred_us < microseconds(period.end))
    columns = [column for column in RECORDS.c if column.name not in ("body", "traceparent", "topic")]
    return select(*columns).where(*limits).cte("last_words")


def _outranks_all(*, probing: bool) -> ColumnElement[bool]:
    """An outcome is its session's last word.

    `probing`: by one probe of an index each, so that a month's report reads a month and not all there is.
    Over everything, comparing all with all is quicker (1,000,000 records: less than half the time).
    """
    others = RECORDS.alias("others")
    same = and_(others.c.session_id == RECORDS.c.session_id, others.c.kind.is_not(None))
    if probing:
        best = select(others.c.ce_id).where(same).order_by(others.c.rank, others.c.ce_id).limit(1)
        return RECORDS.c.ce_id == best.scalar_subquery()
    better = tuple_(others.c.rank, others.c.ce_id) < tuple_(RECORDS.c.rank, RECORDS.c.ce_id)
    return ~exists().where(same, better)


def ended(period: Period) -> CTE:
    """Last words; what saved a visit has the time since the unlock before of its card."""
    last = last_words(period)
    saving = case((saves(last), 1), else_=0)
    before = func.lag(last.c.occurred_us).over(
        partition_by=(last.c.card_ref, saving), order_by=(last.c.occurred_us, last.c.session_id)
    )
    since = (last.c.occurred_us - before).label("since_us")
    done = case((unlocked(last), 1), else_=0).label("unlocked")
    rows = select(last, saving.label("saves"), done, since).subquery("rows")
    again = case((and_(rows.c.saves == 1, rows.c.since_us < _REPEAT_US), 1), else_=0).label("again")
    return select(rows, again).where(within(rows, period)).cte("ended")


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
