"""The report on saved hours: from roll-ups where they stand, else from the records. Reads only."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from sqlalchemy import CTE, ColumnElement, and_, func, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit import counting
from services.audit.counting import STAGES, Eligible, Row, summed, sums_of_spans
from services.audit.domain.saved_time import Counted, LastWords, Period, SavedTime
from services.audit.domain.savings import Adoption, By, CountedRecord, Figure, Group, Savings, Stage
from services.audit.domain.span import Cover, end_of, month_of, spans, start_of
from services.audit.ended import ended
from services.audit.roll_ups import covering, earliest, latest
from services.audit.storage import instant_of, see_one_moment
from services.audit.tables import BODIES, LEAVES, SPAN_IMPORTS, SPAN_STAGES, SPAN_USERS
from services.runtime.database import Database

PAGE = 1000


class SqlSavings:
    """From SQLite or PostgreSQL."""

    def __init__(self, database: Database, eligible: Eligible) -> None:
        self._database = database
        self._eligible = eligible

    async def counted(self, period: Period) -> Counted:
        """Sum the outcomes of a period by last word."""
        async with self._database.read() as connection:
            await see_one_moment(connection)
            [covered] = await covering(connection, period)
            return (await _Summed.of(connection, covered, period)).counted()

    async def savings(self, period: Period, minutes_each: int) -> Savings:
        """Sum everything for a period."""
        async with self._database.read() as connection:
            await see_one_moment(connection)
            covered, ever = await covering(connection, period, Period())
            rows = await _Summed.of(connection, covered, period)
            eligible = await self._eligible_holders(connection, ever)
            users = await _users(connection, covered, period)
            stages = await _stages(connection, covered, period)
        groups = {by: rows.groups(by) for by in By}
        adoption = _adoption(eligible, users, period, groups[By.ORGANISATION])
        by_route = {group.value: group.unlocked for group in groups[By.ROUTE]}
        done = Stage("Smartcard unlocked", sum(by_route.values()))
        saved = SavedTime(rows.counted(), minutes_each)
        return Savings(saved, by_route.get("RA_IN_PERSON", 0), groups, adoption, (*stages, done))

    async def explain(self, figure: Figure, period: Period) -> AsyncIterator[CountedRecord]:
        """Give the records that a figure counts, in the order they happened: a month at a time."""
        async with self._database.read() as connection:
            for part in await _by_month(connection, period):
                found = await connection.stream(_explained(figure, part).execution_options(yield_per=PAGE))
                async for row in found:
                    words = (row.kind, row.code, row.reason, row.route, row.organisation)
                    occurred = instant_of(row.occurred_us).isoformat()
                    said = " ".join(word for word in words if word)
                    yield CountedRecord(
                        row.session_id, row.ce_id, row.leaf_index, occurred, said, row.body_of is None
                    )

    async def _eligible_holders(self, connection: AsyncConnection, ever: Cover) -> dict[str, int]:
        """By organisation, as its last import said, whenever that was."""
        rolled = select(SPAN_IMPORTS).where(SPAN_IMPORTS.c.span.in_(ever.spans))
        told: list[Row] = [dict(row) for row in (await connection.execute(rolled)).mappings()]
        for part in ever.ranges:
            told += (await counting.imports(connection, part, self._eligible)).values()
        return {row["organisation"]: row["eligible"] for row in sorted(told, key=lambda row: row["relayseq"])}


class _Summed:
    """Ended sessions of a period: rows counted from records, and roll-ups summed by what is asked for."""

    def __init__(self, found: dict[tuple[str, ...], list[Row]]) -> None:
        self._found = found

    @classmethod
    async def of(cls, connection: AsyncConnection, covered: Cover, period: Period) -> "_Summed":
        counted = [row for part in covered.ranges for row in await counting.sums(connection, part)]
        found = {}
        for keys in (*((by.value.lower(),) for by in By), ("kind", "code")):
            rolled: list[Row] = []
            if covered.spans:
                chosen = sums_of_spans(keys, covered.spans, period.organisation)
                rolled = [dict(row) for row in (await connection.execute(chosen)).mappings()]
            found[keys] = counted + rolled
        return cls(found)

    def groups(self, by: By) -> tuple[Group, ...]:
        keys = (by.value.lower(),)
        sums = sorted(summed(self._found[keys], keys).items())
        return tuple(
            Group(value, row["unlocked"], row["unlocks"], row["repeats"])
            for (value,), row in sums
            if row["unlocked"]
        )

    def counted(self) -> Counted:
        sums = sorted(summed(self._found["kind", "code"], ("kind", "code")).items())
        words = tuple(LastWords(kind, code, row["sessions"]) for (kind, code), row in sums)
        unlocks, repeats, took = (
            sum(row[name] for _, row in sums) for name in ("unlocks", "repeats", "took_ms")
        )
        return Counted(unlocks, repeats, took, words)


def _adoption(
    eligible: Mapping[str, int], users: Mapping[str, int], period: Period, groups: Sequence[Group]
) -> tuple[Adoption, ...]:
    unlocks = {group.value: group.unlocks for group in groups}
    names = {period.organisation} if period.organisation else eligible.keys() | users.keys()
    return tuple(
        Adoption(name, eligible.get(name, 0), users.get(name, 0), unlocks.get(name, 0))
        for name in sorted(names - {""})
    )


async def _users(connection: AsyncConnection, covered: Cover, period: Period) -> dict[str, int]:
    """Different holders by organisation: those of the spans, and those of the ranges that no span has."""
    limits: list[ColumnElement[bool]] = [SPAN_USERS.c.span.in_(covered.spans)]
    if period.organisation:
        limits.append(SPAN_USERS.c.organisation == period.organisation)
    known = select(SPAN_USERS.c.organisation, SPAN_USERS.c.holder_ref).where(*limits).distinct()
    found: dict[str, int] = {}
    parts = [known] if covered.spans else []
    if covered.ranges:
        counted = union(*map(counting.users, covered.ranges)).subquery()
        same = and_(
            SPAN_USERS.c.organisation == counted.c.organisation,
            SPAN_USERS.c.holder_ref == counted.c.holder_ref,
            SPAN_USERS.c.span.in_(covered.spans),
        )
        parts.append(select(counted).where(~select(SPAN_USERS.c.span).where(same).exists()))
    for part in parts:
        holders = part.subquery()
        by_organisation = select(holders.c.organisation, func.count()).group_by(holders.c.organisation)
        for organisation, count in await connection.execute(by_organisation):
            found[organisation] = found.get(organisation, 0) + count
    return found


async def _stages(connection: AsyncConnection, covered: Cover, period: Period) -> tuple[Stage, ...]:
    """By events, which name no organisation: with one asked for there are none."""
    if period.organisation:
        return ()
    rolled = select(SPAN_STAGES.c.ce_type, func.sum(SPAN_STAGES.c.sessions)).where(
        SPAN_STAGES.c.span.in_(covered.spans)
    )
    rows = await connection.execute(rolled.group_by(SPAN_STAGES.c.ce_type))
    found = {kind: int(count) for kind, count in rows}
    for part in covered.ranges:
        for kind, count in (await counting.stages(connection, part)).items():
            found[kind] = found.get(kind, 0) + count
    return tuple(Stage(name, found.get(kind, 0)) for name, kind in STAGES)


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


def _explained(figure: Figure, period: Period) -> Any:
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
        case Figure.UNLOCKS:
            return rows.c.saves == 1
        case Figure.REPEATS:
            return rows.c.again == 1
        case Figure.IN_PERSON:
            return and_(rows.c.unlocked == 1, rows.c.route == "RA_IN_PERSON")
        case Figure.ENDED:
            return rows.c.kind.is_not(None)
