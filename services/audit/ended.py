"""The last word of each session as SQL: what it says, and whether it repeats an unlock. Reads only."""

from datetime import timedelta

from sqlalchemy import CTE, ColumnElement, FromClause, and_, case, exists, func, or_, select, tuple_

from services.audit.domain.saved_time import REPEAT_WITHIN, SAVING_REASONS, SAVING_ROUTE, Period
from services.audit.storage import microseconds
from services.audit.tables import IS_OUTCOME, RECORDS

_REPEAT_US = REPEAT_WITHIN // timedelta(microseconds=1)
IS_NO_SIGN_IN = func.coalesce(RECORDS.c.reason, "") != "SIGN_IN"


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
    return select(*columns).where(*limits).cte()


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
    return select(rows, again).where(within(rows, period)).cte()


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
