"""`audit explain`: the records that a figure counts, each with its place in the log. Reads only."""

from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import CTE, ColumnElement, Select, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.counting import IMPORTED, STAGE_TYPES, STAGES, Eligible
from services.audit.domain.saved_time import REPEAT_WITHIN, Period
from services.audit.domain.savings import CountedRecord, Figure
from services.audit.domain.span import end_of, month_of, spans, start_of
from services.audit.ended import ended, within
from services.audit.roll_ups import earliest, latest
from services.audit.storage import instant_of, microseconds
from services.audit.tables import BODIES, LEAVES, RECORDS, SAME_BODY

PAGE = 1000

_STAGE_NAMES = {kind: name for name, kind in STAGES}


async def explained(
    connection: AsyncConnection, figure: Figure, period: Period, eligible: Eligible
) -> AsyncIterator[CountedRecord]:
    """Give the records that a figure counts, in the order they happened: a month at a time."""
    if figure is Figure.ELIGIBLE:
        for row in (await connection.execute(_last_imports(period))).all():
            yield _counted(row, row.subject, _eligible_words(row, eligible))
        return
    if figure is Figure.STAGES and period.organisation:
        return
    holders = set[tuple[str, str]]()
    for part in await _by_month(connection, period):
        chosen = _stages(part) if figure is Figure.STAGES else _ended(figure, part)
        async for row in await connection.stream(chosen.execution_options(yield_per=PAGE)):
            if figure is Figure.STAGES:
                yield _counted(row, row.subject, _STAGE_NAMES[row.ce_type])
            elif figure is not Figure.USERS or _is_new(row, holders):
                yield _counted(row, row.session_id, _ended_words(row, figure))


def _counted(row: Any, session: str, words: str) -> CountedRecord:
    occurred = instant_of(row.occurred_us).isoformat()
    return CountedRecord(session, row.ce_id, row.leaf_index, occurred, words, row.body_of is None)


def _ended_words(row: Any, figure: Figure) -> str:
    """Kind, code, reason, route, organisation; and the holder or the time, where it is counted by that."""
    words = [row.kind, row.code, row.reason, row.route, row.organisation]
    if figure is Figure.USERS:
        words.append(row.holder_ref)
    if figure is Figure.UNLOCKS and row.took_ms is not None:
        words.append(f"{row.took_ms / 1000:.1f} s")
    return " ".join(word for word in words if word)


def _eligible_words(row: Any, eligible: Eligible) -> str:
    count = eligible(bytes(row.body)) if row.body is not None else None
    return f"{row.subject} {count} eligible" if count is not None else row.subject


def _is_new(row: Any, holders: set[tuple[str, str]]) -> bool:
    """Tell whether it is the first unlock of a holder that counts; note the holder."""
    holder = (row.organisation or "", row.holder_ref)
    if row.holder_ref is None or holder in holders:
        return False
    holders.add(holder)
    return True


async def _by_month(connection: AsyncConnection, period: Period) -> list[Period]:
    """Cut a period into months, so that no statement reads more than one; empty where nothing happened."""
    first, last = await earliest(connection), await latest(connection)
    if first is None or last is None:
        return []
    start, end = period.start or first, period.end
    parts = []
    for month in (*spans(month_of(start), month_of(last)), month_of(last)):
        if end is None or start_of(month) < end:
            upto = min(end_of(month), end or end_of(month))
            parts.append(Period(max(start_of(month), start), upto, period.organisation))
    return parts


def _ended(figure: Figure, period: Period) -> Select[Any]:
    rows = ended(period)
    return (
        select(rows, LEAVES.c.leaf_index, BODIES.c.ce_id.label("body_of"))
        .outerjoin(LEAVES, LEAVES.c.ce_id == rows.c.ce_id)
        .outerjoin(BODIES, and_(BODIES.c.ce_id == rows.c.ce_id, BODIES.c.stored_us == rows.c.stored_us))
        .where(_counts(figure, rows))
        .order_by(rows.c.occurred_us, rows.c.ce_id)
    )


def _counts(figure: Figure, rows: CTE) -> ColumnElement[bool]:
    match figure:
        case Figure.UNLOCKS | Figure.USERS:
            return rows.c.saves == 1
        case Figure.REPEATS:
            return rows.c.again == 1
        case Figure.UNLOCKED:
            return rows.c.unlocked == 1
        case Figure.IN_PERSON:
            return and_(rows.c.unlocked == 1, rows.c.route == "RA_IN_PERSON")
    return rows.c.kind.is_not(None)


def _stages(period: Period) -> Select[Any]:
    """Where each session first came to each stage, as `counting.stages` counts it; of no organisation."""
    before = Period(period.start - REPEAT_WITHIN if period.start else None, period.end)
    order = (RECORDS.c.occurred_us, RECORDS.c.ce_id)
    number = func.row_number().over(partition_by=(RECORDS.c.ce_type, RECORDS.c.subject), order_by=order)
    came = (
        select(RECORDS, number.label("number"))
        .where(RECORDS.c.ce_type.in_(STAGE_TYPES), within(RECORDS, before))
        .cte()
    )
    limits = [came.c.number == 1]
    if period.start:
        limits.append(came.c.occurred_us >= microseconds(period.start))
    return (
        select(came, LEAVES.c.leaf_index, BODIES.c.ce_id.label("body_of"))
        .outerjoin(LEAVES, LEAVES.c.ce_id == came.c.ce_id)
        .outerjoin(BODIES, and_(BODIES.c.ce_id == came.c.ce_id, BODIES.c.stored_us == came.c.stored_us))
        .where(*limits)
        .order_by(came.c.occurred_us, came.c.ce_id)
    )


def _last_imports(period: Period) -> Select[Any]:
    """The last import of each organisation, whenever that was."""
    number = func.row_number().over(partition_by=RECORDS.c.subject, order_by=RECORDS.c.relayseq.desc())
    told = (
        select(RECORDS.c.ce_id, RECORDS.c.subject, RECORDS.c.occurred_us, number.label("number"))
        .add_columns(LEAVES.c.leaf_index, BODIES.c.ce_id.label("body_of"), BODIES.c.body)
        .select_from(RECORDS)
        .outerjoin(LEAVES, LEAVES.c.ce_id == RECORDS.c.ce_id)
        .outerjoin(BODIES, SAME_BODY)
        .where(RECORDS.c.ce_type == IMPORTED)
        .cte()
    )
    chosen = select(told).where(told.c.number == 1).order_by(told.c.subject)
    return chosen.where(told.c.subject == period.organisation) if period.organisation else chosen
