"""What the report on saved hours counts, as SQL over the records of one period. Reads only."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, case, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.saved_time import REPEAT_WITHIN, Period
from services.audit.ended import ended, within
from services.audit.storage import microseconds
from services.audit.tables import BODIES, RECORDS, SAME_BODY, SPAN_IMPORTS, SPAN_SUMS

IMPORTED = "smartcard_unlock.identity.v1.HoldersImported"

STAGES = (
    ("Session started", "smartcard_unlock.card_gateway.v1.SessionStarted"),
    ("Smartcard read", "smartcard_unlock.card_gateway.v1.CardRead"),
    ("Security code asked for", "smartcard_unlock.otp.v1.CodeRequested"),
    ("Allowed to reset", "smartcard_unlock.card_gateway.v1.SessionAuthorised"),
)
"""Points of the journey, each by the event that tells of it."""

STAGE_TYPES = tuple(kind for _, kind in STAGES)

KEYS = ("month", "organisation", "reason", "route", "kind", "code")
"""What ended sessions are summed by."""

COUNTS = ("sessions", "unlocked", "unlocks", "repeats", "took_ms")
"""What is summed: sessions that ended so, those of an unlocked card, those that saved a visit, the repeats
among them, and the milliseconds that they took."""

Eligible = Callable[[bytes], int | None]
"""Reads the number of eligible holders out of the body of an import; None where it cannot be read."""

Row = dict[str, Any]


async def sums(connection: AsyncConnection, period: Period) -> list[Row]:
    """Sum ended sessions by all keys at once: rows of `span_sums`, by month."""
    rows = ended(period)
    took = case((rows.c.saves == 1, func.coalesce(rows.c.took_ms, 0)), else_=0).label("took_ms")
    names = [func.coalesce(rows.c[key], "").label(key) for key in KEYS[1:]]
    month = _month(rows.c.occurred_us, connection.dialect.name).label("month")
    # Named first and grouped then: PostgreSQL does not see that an expression with parameters is the same.
    named = select(month, *names, rows.c.unlocked, rows.c.saves, rows.c.again, took).cte()
    keys = [named.c[key] for key in KEYS]
    added = [func.sum(named.c[name]) for name in ("unlocked", "saves", "again", "took_ms")]
    found = await connection.execute(select(*keys, func.count(), *added).group_by(*keys))
    return [
        dict(zip(KEYS, row, strict=False)) | dict(zip(COUNTS, map(int, row[len(KEYS) :]), strict=True))
        for row in found
    ]


def users(period: Period) -> Select[Any]:
    """Holders with an unlock that counts, by organisation."""
    rows = ended(period)
    chosen = select(func.coalesce(rows.c.organisation, "").label("organisation"), rows.c.holder_ref)
    return chosen.where(rows.c.saves == 1, rows.c.holder_ref.is_not(None)).distinct()


async def stages(connection: AsyncConnection, period: Period) -> dict[str, int]:
    """Count sessions by the type of each stage's event, where they first came to it.

    A session ends within an hour: what came before is looked for in the day before the period.
    """
    before = Period(period.start - REPEAT_WITHIN if period.start else None, period.end)
    first = func.min(RECORDS.c.occurred_us).label("occurred_us")
    came = (
        select(RECORDS.c.ce_type, RECORDS.c.subject, first)
        .where(RECORDS.c.ce_type.in_(STAGE_TYPES), within(RECORDS, before))
        .group_by(RECORDS.c.ce_type, RECORDS.c.subject)
        .cte()
    )
    limits = [came.c.occurred_us >= microseconds(period.start)] if period.start else []
    counted = select(came.c.ce_type, func.count()).where(*limits).group_by(came.c.ce_type)
    return {kind: int(count) for kind, count in await connection.execute(counted)}


async def imports(connection: AsyncConnection, period: Period, eligible: Eligible) -> dict[str, Row]:
    """Read the last import of each organisation: rows of `span_imports`, without a span.

    What an import said whose body was dropped by age is taken from the roll-ups, which had read it. One that
    cannot be read says nothing.
    """
    newest = func.row_number().over(partition_by=RECORDS.c.subject, order_by=RECORDS.c.relayseq.desc())
    told = (
        select(RECORDS.c.subject, RECORDS.c.relayseq, BODIES.c.body, newest.label("age"))
        .outerjoin(BODIES, SAME_BODY)
        .where(RECORDS.c.ce_type == IMPORTED, within(RECORDS, Period(period.start, period.end)))
        .cte()
    )
    rows = (await connection.execute(select(told).where(told.c.age == 1))).all()
    read = {row.subject: eligible(bytes(row.body)) for row in rows if row.body is not None}
    said = {subject: count for subject, count in read.items() if count is not None}
    if len(said) < len(rows):
        said = await _said_before(connection, {row.subject: row.relayseq for row in rows}) | said
    return {
        row.subject: {
            "organisation": row.subject,
            "relayseq": row.relayseq,
            "eligible": said[row.subject],
        }
        for row in rows
        if row.subject in said
    }


async def _said_before(connection: AsyncConnection, imports: dict[str, int]) -> dict[str, int]:
    """What roll-ups say of these imports, by organisation."""
    known = select(SPAN_IMPORTS).where(SPAN_IMPORTS.c.organisation.in_(imports))
    rows = await connection.execute(known)
    return {row.organisation: row.eligible for row in rows if imports[row.organisation] == row.relayseq}


def summed(rows: list[Row], keys: tuple[str, ...]) -> dict[tuple[str, ...], Row]:
    """Sum rows of `span_sums` by some of their keys."""
    found: dict[tuple[str, ...], Row] = {}
    for row in rows:
        of_key = found.setdefault(tuple(row[key] for key in keys), dict.fromkeys(COUNTS, 0))
        for name in COUNTS:
            of_key[name] += int(row[name])
    return found


def sums_of_spans(keys: tuple[str, ...], spans: tuple[str, ...], organisation: str) -> Select[Any]:
    """Sum roll-ups by some of their keys."""
    columns: dict[str, ColumnElement[Any]] = {"month": func.substr(SPAN_SUMS.c.span, 1, len("2026-11"))}
    columns |= {key: SPAN_SUMS.c[key] for key in KEYS[1:]}
    limits: list[ColumnElement[bool]] = [SPAN_SUMS.c.span.in_(spans)]
    if organisation:
        limits.append(SPAN_SUMS.c.organisation == organisation)
    names = [columns[key].label(key) for key in keys]
    added = [SPAN_SUMS.c[name] for name in COUNTS]
    named = select(*names, *added).where(*limits).cte()
    grouped = [named.c[key] for key in keys]
    return select(*grouped, *(func.sum(named.c[name]).label(name) for name in COUNTS)).group_by(*grouped)


def _month(occurred_us: ColumnElement[int], dialect: str) -> ColumnElement[str]:
    seconds = occurred_us // 1_000_000
    if dialect == "postgresql":
        return func.to_char(func.timezone("UTC", func.to_timestamp(seconds)), "YYYY-MM")
    return cast(func.strftime("%Y-%m", seconds, "unixepoch"), Text)
