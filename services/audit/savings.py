"""The report on saved hours as SQL over the records. Reads only."""

from collections.abc import AsyncIterator, Callable
from typing import Any

from sqlalchemy import CTE, ColumnElement, Text, and_, case, cast, distinct, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.saved_time import REPEAT_WITHIN, Period, SavedTime
from services.audit.domain.savings import Adoption, By, CountedRecord, Figure, Group, Savings, Stage
from services.audit.reports import SqlReports, last_words, saves, unlocked, within
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
            groups = {by: await _groups(connection, by, period) for by in By}
            by_route = {group.value: group for group in groups[By.ROUTE]}
            in_person = by_route["RA_IN_PERSON"].unlocked if "RA_IN_PERSON" in by_route else 0
            adoption = await self._adoption(connection, period)
            stages = await _stages(connection, period)
        done = Stage("Smartcard unlocked", sum(group.unlocked for group in groups[By.ROUTE]))
        return Savings(SavedTime(counted, minutes_each), in_person, groups, adoption, (*stages, done))

    async def explain(self, figure: Figure, period: Period) -> AsyncIterator[CountedRecord]:
        """Give the records that a figure counts, in the order they happened."""
        ended = _ended()
        chosen = (
            select(ended, LEAVES.c.leaf_index)
            .outerjoin(LEAVES, LEAVES.c.ce_id == ended.c.ce_id)
            .where(_counts(figure, ended), within(ended, period))
            .order_by(ended.c.occurred_us, ended.c.ce_id)
        )
        async with self._database.read() as connection:
            rows = await connection.stream(chosen.execution_options(yield_per=PAGE))
            async for row in rows:
                words = (row.kind, row.code, row.reason, row.route, row.organisation)
                occurred = instant_of(row.occurred_us).isoformat()
                said = " ".join(word for word in words if word)
                yield CountedRecord(row.session_id, row.ce_id, row.leaf_index, occurred, said)

    async def _adoption(self, connection: AsyncConnection, period: Period) -> tuple[Adoption, ...]:
        eligible = await self._eligible_holders(connection)
        ended = _ended()
        used = select(ended.c.organisation, func.count(distinct(ended.c.holder_ref)), func.count())
        rows = await connection.execute(
            used.where(ended.c.saves == 1, within(ended, period)).group_by(ended.c.organisation)
        )
        users = {organisation: (holders, unlocks) for organisation, holders, unlocks in rows}
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


def _ended() -> CTE:
    """The last word of each session; what saved a visit has the time since the unlock before of its card."""
    last = last_words()
    saving = case((saves(last), 1), else_=0)
    before = func.lag(last.c.occurred_us).over(
        partition_by=(last.c.card_ref, saving), order_by=(last.c.occurred_us, last.c.session_id)
    )
    return (
        select(
            last,
            saving.label("saves"),
            case((unlocked(last), 1), else_=0).label("unlocked"),
            (last.c.occurred_us - before).label("since_us"),
        )
        .where(last.c.place == 1)
        .cte("ended")
    )


def _is_repeat(ended: CTE) -> ColumnElement[bool]:
    return and_(ended.c.saves == 1, ended.c.since_us < REPEAT_WITHIN.total_seconds() * 1_000_000)


def _counts(figure: Figure, ended: CTE) -> ColumnElement[bool]:
    match figure:
        case Figure.UNLOCKS:
            return ended.c.saves == 1
        case Figure.REPEATS:
            return _is_repeat(ended)
        case Figure.IN_PERSON:
            return and_(ended.c.unlocked == 1, ended.c.route == "RA_IN_PERSON")
        case Figure.ENDED:
            return ended.c.kind.is_not(None)


async def _groups(connection: AsyncConnection, by: By, period: Period) -> tuple[Group, ...]:
    ended = _ended()
    value = _value(ended, by, connection.dialect.name).label("value")
    again = case((_is_repeat(ended), 1), else_=0).label("again")
    # Named first and grouped then: PostgreSQL does not see that an expression with parameters is the same.
    chosen = (
        select(value, again, ended.c.saves).where(ended.c.unlocked == 1, within(ended, period)).cte("chosen")
    )
    sums = select(chosen.c.value, func.count(), func.sum(chosen.c.saves), func.sum(chosen.c.again))
    rows = await connection.execute(sums.group_by(chosen.c.value).order_by(chosen.c.value))
    return tuple(Group(name or "", count, int(saving), int(repeats)) for name, count, saving, repeats in rows)


def _value(ended: CTE, by: By, dialect: str) -> ColumnElement[Any]:
    if by is not By.MONTH:
        column: ColumnElement[Any] = ended.c[by.value.lower()]
        return column
    if dialect == "postgresql":
        return func.to_char(
            func.timezone("UTC", func.to_timestamp(ended.c.occurred_us / 1_000_000)), "YYYY-MM"
        )
    return cast(func.strftime("%Y-%m", ended.c.occurred_us / 1_000_000, "unixepoch"), Text)


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
