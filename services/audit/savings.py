"""The report on saved hours as SQL over the records. Reads only."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from sqlalchemy import CTE, ColumnElement, Text, and_, cast, distinct, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.saved_time import Period, SavedTime
from services.audit.domain.savings import Adoption, By, CountedRecord, Figure, Group, Savings, Stage
from services.audit.reports import SqlReports, ended, within
from services.audit.storage import instant_of
from services.audit.tables import LEAVES, RECORDS
from services.runtime.database import Database

IMPORTED = "smartcard_unlock.identity.v1.HoldersImported"

STAGES = (
    ("Session started", "smartcard_unlock.card_gateway.v1.SessionStarted"),
    ("Smartcard read", "smartcard_unlock.card_gateway.v1.CardRead"),
    ("Security code asked for", "smartcard_unlock.otp.v1.CodeRequested"),
    ("Allowed to reset", "smartcard_unlock.card_gateway.v1.SessionAuthorised"),
)
"""Points of the journey, each by the event that tells of it."""

Eligible = Callable[[bytes], int]
"""Reads the number of eligible holders out of the body of an import."""

PAGE = 1000


class SqlSavings:
    """From SQLite or PostgreSQL."""

    def __init__(self, database: Database, eligible: Eligible) -> None:
        self._database = database
        self._eligible = eligible

    async def savings(self, period: Period, minutes_each: int) -> Savings:
        """Sum everything for a period."""
        counted = await SqlReports(self._database).counted(period)
        async with self._database.read() as connection:
            groups = await _groups(connection, period)
            by_route = {group.value: group for group in groups[By.ROUTE]}
            in_person = by_route["RA_IN_PERSON"].unlocked if "RA_IN_PERSON" in by_route else 0
            adoption = await self._adoption(connection, period)
            stages = await _stages(connection, period)
        done = Stage("Smartcard unlocked", sum(group.unlocked for group in groups[By.ROUTE]))
        return Savings(SavedTime(counted, minutes_each), in_person, groups, adoption, (*stages, done))

    async def explain(self, figure: Figure, period: Period) -> AsyncIterator[CountedRecord]:
        """Give the records that a figure counts, in the order they happened."""
        rows = ended(period)
        chosen = (
            select(rows, LEAVES.c.leaf_index)
            .outerjoin(LEAVES, LEAVES.c.ce_id == rows.c.ce_id)
            .where(_counts(figure, rows))
            .order_by(rows.c.occurred_us, rows.c.ce_id)
        )
        async with self._database.read() as connection:
            found = await connection.stream(chosen.execution_options(yield_per=PAGE))
            async for row in found:
                words = (row.kind, row.code, row.reason, row.route, row.organisation)
                occurred = instant_of(row.occurred_us).isoformat()
                said = " ".join(word for word in words if word)
                yield CountedRecord(row.session_id, row.ce_id, row.leaf_index, occurred, said)

    async def _adoption(self, connection: AsyncConnection, period: Period) -> tuple[Adoption, ...]:
        eligible = await self._eligible_holders(connection)
        rows = ended(period)
        used = select(rows.c.organisation, func.count(distinct(rows.c.holder_ref)), func.count())
        found = await connection.execute(used.where(rows.c.saves == 1).group_by(rows.c.organisation))
        users = {organisation: (holders, unlocks) for organisation, holders, unlocks in found}
        names = {period.organisation} if period.organisation else eligible.keys() | users.keys()
        return tuple(
            Adoption(name, eligible.get(name, 0), *users.get(name, (0, 0))) for name in sorted(names - {""})
        )

    async def _eligible_holders(self, connection: AsyncConnection) -> dict[str, int]:
        """By organisation, as its last import said."""
        newest = func.row_number().over(partition_by=RECORDS.c.subject, order_by=RECORDS.c.relayseq.desc())
        imports = (
            select(RECORDS.c.subject, RECORDS.c.body, newest.label("age"))
            .where(RECORDS.c.ce_type == IMPORTED)
            .cte("imports")
        )
        rows = await connection.execute(select(imports.c.subject, imports.c.body).where(imports.c.age == 1))
        return {subject: self._eligible(bytes(body)) for subject, body in rows}


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


async def _groups(connection: AsyncConnection, period: Period) -> dict[By, tuple[Group, ...]]:
    """Read the records once, and sum what they say in each way."""
    rows = ended(period)
    values = [_value(rows, by, connection.dialect.name).label(by.value.lower()) for by in By]
    # Named first and grouped then: PostgreSQL does not see that an expression with parameters is the same.
    named = select(*values, rows.c.saves, rows.c.again).where(rows.c.unlocked == 1).cte("named")
    keys = [named.c[by.value.lower()] for by in By]
    sums = select(*keys, func.count(), func.sum(named.c.saves), func.sum(named.c.again)).group_by(*keys)
    found = [tuple(row) for row in await connection.execute(sums)]
    return {by: _summed(at, found) for at, by in enumerate(By)}


def _summed(at: int, found: Sequence[tuple[Any, ...]]) -> tuple[Group, ...]:
    """Sum counts by the key at that place."""
    sums: dict[str, list[int]] = {}
    for row in found:
        of_value = sums.setdefault(row[at] or "", [0, 0, 0])
        for place, count in enumerate(row[len(By) :]):
            of_value[place] += int(count)
    return tuple(Group(value, *sums[value]) for value in sorted(sums))


def _value(rows: CTE, by: By, dialect: str) -> ColumnElement[Any]:
    if by is not By.MONTH:
        column: ColumnElement[Any] = rows.c[by.value.lower()]
        return column
    if dialect == "postgresql":
        return func.to_char(
            func.timezone("UTC", func.to_timestamp(rows.c.occurred_us / 1_000_000)), "YYYY-MM"
        )
    return cast(func.strftime("%Y-%m", rows.c.occurred_us / 1_000_000, "unixepoch"), Text)


async def _stages(connection: AsyncConnection, period: Period) -> tuple[Stage, ...]:
    """By events, which name no organisation: with one asked for there are none."""
    if period.organisation:
        return ()
    kinds = [kind for _, kind in STAGES]
    chosen = select(RECORDS.c.ce_type, func.count(distinct(RECORDS.c.subject))).where(
        RECORDS.c.ce_type.in_(kinds), within(RECORDS, period)
    )
    rows = await connection.execute(chosen.group_by(RECORDS.c.ce_type))
    found = {row[0]: row[1] for row in rows}
    return tuple(Stage(name, found.get(kind, 0)) for name, kind in STAGES)
