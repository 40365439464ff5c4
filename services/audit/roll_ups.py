"""Roll-ups of the report on saved hours: each month and day that has ended, summed once, from records alone.

`spans` counts the changes of each month and day: the transaction that gives a record its place adds one to
every span whose figures that record can move. A roll-up says how many changes it has seen, and stands while
these are all and no record waits for its place that could move it; a span whose roll-up does not stand is
counted from its records. So a report is right at every moment, and rolling up only makes it quick: it may be
late, done twice, or killed.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, delete, func, or_, select, text, union
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit import counting
from services.audit.counting import IMPORTED, STAGE_TYPES, Eligible, Row
from services.audit.domain.saved_time import REPEAT_WITHIN, Period
from services.audit.domain.span import (
    Cover,
    cover,
    day_of,
    end_of,
    month_before,
    month_of,
    spans,
    start_of,
)
from services.audit.storage import insert_new, instant_of
from services.audit.tables import (
    IS_OUTCOME,
    RECORDS,
    SPAN_IMPORTS,
    SPAN_STAGES,
    SPAN_SUMS,
    SPAN_USERS,
    SPANS,
    UNSEQUENCED,
)
from services.runtime import logs
from services.runtime.clock import Clock
from services.runtime.database import Database, TransientDatabaseError

ROLLED_UP = (SPAN_SUMS, SPAN_USERS, SPAN_STAGES, SPAN_IMPORTS)

_LONGEST = "SET LOCAL statement_timeout = '120s'"
"""A whole month is counted where nobody waits."""

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)

_UPSERT: dict[str, Callable[[Table], Any]] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}

log = logs.logger("audit.roll_ups")


class RollUps:
    """Sums months and days that have ended; writes nothing but roll-ups."""

    def __init__(self, database: Database, eligible: Eligible, clock: Clock) -> None:
        self._database = database
        self._eligible = eligible
        self._clock = clock

    async def roll_up(self) -> list[str]:
        """Sum every month that has ended, and every day since the month before, unless its roll-up stands.

        Returns which were summed; one that cannot be is told of, and is counted from its records by whoever
        reads. Raises TransientDatabaseError.
        """
        async with self._database.read() as connection:
            first = await earliest(connection)
            seen = set(await connection.scalars(_HAVE_SEEN_ALL))
        if first is None:
            return []
        today = self._clock.now()
        kept = month_before(month_of(today))
        days_from = max(first, start_of(kept))
        ended = [*spans(day_of(days_from), day_of(today)), *spans(month_of(first), month_of(today))]
        summed = [span for span in ended if span not in seen and await self._summed(span)]
        if summed:
            async with self._database.begin("audit.roll_up.drop") as connection:
                await _drop_days_before(connection, kept)
        return summed

    async def _summed(self, span: str) -> bool:
        """Sum a span; False where its records cannot be counted: that must not keep others from it."""
        try:
            async with self._database.begin("audit.roll_up") as connection:
                await roll_up_span(connection, span, self._eligible)
        except (TransientDatabaseError, DBAPIError, OSError):
            raise
        except Exception as error:
            log.error("span_not_summed", span=span, cause=type(error).__name__)
            return False
        return True


async def roll_up_span(connection: AsyncConnection, span: str, eligible: Eligible) -> None:
    """Sum a span anew. What changes meanwhile keeps its number, and the roll-up does not stand."""
    seen = await connection.scalar(select(SPANS.c.changes).where(SPANS.c.span == span)) or 0
    counted = await count_span(connection, span, eligible)
    for table in ROLLED_UP:
        await connection.execute(delete(table).where(table.c.span == span))
        await insert_new(connection, table, counted[table])
    upsert = _UPSERT[connection.dialect.name](SPANS)
    await connection.execute(
        upsert.on_conflict_do_update(index_elements=["span"], set_={"counted": seen}),
        {"span": span, "changes": seen, "counted": seen},
    )


async def _drop_days_before(connection: AsyncConnection, month: str) -> None:
    """Days are for the running month, and for the one before it while late records come."""
    for table in (*ROLLED_UP, SPANS):
        old = (func.length(table.c.span) > len(month)) & (table.c.span < month)
        await connection.execute(delete(table).where(old))


async def count_span(connection: AsyncConnection, span: str, eligible: Eligible) -> dict[Table, list[Row]]:
    """Count a span from its records: the rows that its roll-up must have."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text(_LONGEST))
    period = Period(start_of(span), end_of(span))
    used = await connection.execute(counting.users(period))
    came = await counting.stages(connection, period)
    told = await counting.imports(connection, period, eligible)
    return {
        SPAN_SUMS: [{**_without_month(row), "span": span} for row in await counting.sums(connection, period)],
        SPAN_USERS: [{"span": span, **row} for row in used.mappings()],
        SPAN_STAGES: [{"span": span, "ce_type": kind, "sessions": n} for kind, n in came.items()],
        SPAN_IMPORTS: [{"span": span, **row} for row in told.values()],
    }


def _without_month(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "month"}


async def touch(connection: AsyncConnection, ids: Sequence[str]) -> None:
    """Count one change of every span whose figures these records can move, in their transaction."""
    if spans_moved := await moved(connection, ids):
        upsert = _UPSERT[connection.dialect.name](SPANS)
        await connection.execute(
            upsert.on_conflict_do_update(index_elements=["span"], set_={"changes": SPANS.c.changes + 1}),
            [{"span": span, "changes": 1, "counted": None} for span in sorted(spans_moved)],
        )


async def moved(connection: AsyncConnection, ids: Sequence[str] | Select[tuple[str]]) -> set[str]:
    """Return every month and day whose figures these records can move.

    An outcome may take the last word from another of its session, wherever that is; an unlock, or one that is
    none any more, decides whether another within the next 24 hours repeats it.
    """
    mine = RECORDS.c.ce_id.in_(ids)
    sessions = select(RECORDS.c.session_id).where(mine, IS_OUTCOME)
    chosen = union(
        select(RECORDS.c.occurred_us).where(RECORDS.c.session_id.in_(sessions), IS_OUTCOME),
        select(RECORDS.c.occurred_us).where(
            mine, or_(RECORDS.c.ce_type.in_(STAGE_TYPES), RECORDS.c.ce_type == IMPORTED)
        ),
    )
    instants = [instant_of(number) for number in await connection.scalars(chosen)]
    return {
        span
        for at in instants
        for each in (at, min(at, _END_OF_TIME - REPEAT_WITHIN) + REPEAT_WITHIN)
        for span in (month_of(each), day_of(each))
    }


async def covering(connection: AsyncConnection, *periods: Period) -> list[Cover]:
    """Cut each period into spans whose roll-ups stand, and the rest."""
    standing, first = await standing_spans(connection), await earliest(connection)
    return [cover(period, standing, first) for period in periods]


async def standing_spans(connection: AsyncConnection) -> Sequence[str]:
    """Return the months and days whose roll-ups have seen every change, and which nothing will change.

    What waits for its place is a record already: whoever counts sees it, and no roll-up knows of it yet.
    """
    seen = (await connection.scalars(_HAVE_SEEN_ALL)).all()
    waiting = await moved(connection, select(UNSEQUENCED.c.ce_id)) if seen else set()
    return [span for span in seen if span not in waiting]


_HAVE_SEEN_ALL = select(SPANS.c.span).where(SPANS.c.counted == SPANS.c.changes).order_by(SPANS.c.span)


async def earliest(connection: AsyncConnection) -> datetime | None:
    """Return when the first of what reports count happened; None where there is nothing."""
    return min(await _edges(connection, func.min(RECORDS.c.occurred_us)), default=None)


async def latest(connection: AsyncConnection) -> datetime | None:
    """Return when the last of what reports count happened; None where there is nothing."""
    return max(await _edges(connection, func.max(RECORDS.c.occurred_us)), default=None)


async def _edges(connection: AsyncConnection, edge: ColumnElement[int]) -> list[datetime]:
    """By one probe of an index for outcomes, and one for each type."""
    kinds = (IS_OUTCOME, *(RECORDS.c.ce_type == kind for kind in (*STAGE_TYPES, IMPORTED)))
    chosen = select(*(select(edge).where(kind).scalar_subquery() for kind in kinds))
    return [instant_of(number) for number in (await connection.execute(chosen)).one() if number is not None]


async def differing(connection: AsyncConnection, eligible: Eligible) -> list[str]:
    """Recount every span whose roll-up stands; return those that differ from their records."""
    wrong = []
    for span in await standing_spans(connection):
        counted = await count_span(connection, span, eligible)
        for table in ROLLED_UP:
            rows = await connection.execute(select(table).where(table.c.span == span))
            said = _as_set(map(dict, rows.mappings()))
            if said != _as_set(counted[table]) and span in await standing_spans(connection):
                wrong.append(f"{span}: its roll-up {table.name} does not say what its records say")
    return wrong


def _as_set(rows: Iterable[Row]) -> set[frozenset[tuple[str, Any]]]:
    return {frozenset(row.items()) for row in rows}
