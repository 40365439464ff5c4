"""The report on saved hours: from roll-ups where they stand, else from the records. Reads only."""

from collections.abc import AsyncIterator, Mapping, Sequence

from sqlalchemy import ColumnElement, and_, func, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit import counting
from services.audit.counting import STAGES, Eligible, Row, summed, sums_of_spans
from services.audit.domain.saved_time import Counted, LastWords, Period, SavedTime
from services.audit.domain.savings import Adoption, By, CountedRecord, Figure, Group, Savings, Stage
from services.audit.domain.span import Cover
from services.audit.explaining import explained
from services.audit.roll_ups import covering
from services.audit.storage import see_one_moment
from services.audit.tables import SPAN_IMPORTS, SPAN_STAGES, SPAN_USERS
from services.runtime.database import Database


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
        """Give the records that a figure counts, in the order they happened."""
        async with self._database.read() as connection:
            async for each in explained(connection, figure, period, self._eligible):
                yield each

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
