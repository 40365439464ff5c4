"""How long the report of everything takes, from roll-ups of months and from all records.

`python -m bench.saved_hours [RECORDS] [MONTHS]`: one PostgreSQL (with fsync) with that many records, 16 of
each session, spread over the months. R = months and days that have ended from their roll-ups, today from its
records; C = everything from the records; M = one month from them. R and C must be the same.
A report is `inf` where one of its statements took longer than the 4 s that it has.
"""

import asyncio
import math
import os
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from bench.server import durable_postgres
from services.audit.__main__ import MIGRATIONS
from services.audit.consumer import eligible_in
from services.audit.counting import STAGE_TYPES
from services.audit.domain.saved_time import Period
from services.audit.domain.savings import Savings
from services.audit.domain.span import day_of, end_of, is_day, month_of, spans, start_of
from services.audit.roll_ups import roll_up_span
from services.audit.savings import SqlSavings
from services.audit.storage import microseconds
from services.runtime.database import Database, migrate

RECORDS, MONTHS = 1_000_000, 4
EVENTS_EACH = 16
END = datetime(2026, 12, 1, tzinfo=UTC)
BLOCKS = "CRRCCRRC"

FILL = """
INSERT INTO records (ce_id, ce_type, source, subject, occurred_us, relayseq, traceparent, topic, partition,
  kafka_offset, stored_us, session_id, kind, rank, code, reason, route, card_ref, holder_ref,
  organisation, actor_kind, actor_ref, resolved_success, took_ms)
SELECT 'e-' || s || '-' || n, types[n], 'card_gateway', 's-' || s, at + n * 1000, s, '',
  'card_gateway.events.v1', 0, s, at, o.session_id, o.kind, o.rank, o.code, o.reason, o.route, o.card_ref,
  o.holder_ref, o.organisation, o.actor_kind, o.actor_ref, o.resolved_success, o.took_ms
FROM (SELECT s, CAST(:first + s * (CAST(:span AS float) / :sessions) AS bigint) AS at,
    CAST(:types AS text[]) AS types
  FROM generate_series(CAST(:from AS bigint), CAST(:to AS bigint)) AS s) AS sessions
CROSS JOIN generate_series(1, :each) AS n
LEFT JOIN LATERAL (SELECT 's-' || s AS session_id,
    (ARRAY['SUCCESS', 'SUCCESS', 'SUCCESS', 'FAILED', 'UNKNOWN'])[1 + s % 5] AS kind,
    (ARRAY[0, 0, 0, 1, 3])[1 + s % 5] AS rank, '' AS code,
    (ARRAY['LOCKED', 'FORGOTTEN', 'CHANGE'])[1 + s % 3] AS reason, 'SELF' AS route,
    md5('c' || s % 90000) AS card_ref, md5('h' || s % 90000) AS holder_ref, 'O' || s % 200 AS organisation,
    'HOLDER' AS actor_kind, '' AS actor_ref, false AS resolved_success, 90000 AS took_ms) AS o ON n = 1
"""
TYPES = ["smartcard_unlock.common.v1.SessionOutcome", *STAGE_TYPES]
TYPES += ["smartcard_unlock.notifier.v1.DeliveryQueued"] * (EVENTS_EACH - len(TYPES))
PIECE = 10_000


async def fill(records: Database, count: int, span: timedelta) -> None:
    """Store that many records, evenly over a span that ends with the running month."""
    sessions = count // EVENTS_EACH
    for start in range(0, sessions, PIECE):
        values = {
            "first": microseconds(END - span),
            "span": span // timedelta(microseconds=1),
            "sessions": sessions,
            "from": start,
            "to": min(start + PIECE, sessions) - 1,
            "each": EVENTS_EACH,
            "types": TYPES,
        }
        async with records.begin("bench.fill") as connection:
            await connection.execute(text("SET LOCAL statement_timeout = 0"))
            await connection.execute(text(FILL), values)
    async with records.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("SET statement_timeout = 0"))
        await connection.execute(text("VACUUM ANALYZE"))
        await connection.invalidate()


async def measure(records: Database, first: str) -> dict[str, list[float]]:
    """Seconds of each report, by block."""
    running = month_of(END - timedelta(seconds=1))
    took: dict[str, list[float]] = {"S": [], "D": [], "R": [], "C": [], "M": []}
    days = spans(f"{running}-01", day_of(END - timedelta(seconds=1)))
    for span in (*spans(first, running), *days):
        begun = time.monotonic()
        async with records.begin("bench.sum") as connection:
            await roll_up_span(connection, span, eligible_in)
        took["D" if is_day(span) else "S"].append(time.monotonic() - begun)
    found: set[str] = set()
    for block in BLOCKS:
        async with records.begin("bench.stand") as connection:
            stands = "changes" if block == "R" else "NULL"
            await connection.execute(text(f"UPDATE spans SET counted = {stands}"))
        seconds, report = await timed(records, Period())
        took[block].append(seconds)
        found.update({repr(report)} if report else set())
        if block == "C":
            took["M"].append((await timed(records, Period(start_of(running), end_of(running))))[0])
    if len(found) != 1:
        raise SystemExit("the reports differ")
    return took


async def timed(records: Database, period: Period) -> tuple[float, Savings | None]:
    """Seconds, and the report; no end and none where a statement runs into its limit."""
    begun = time.monotonic()
    try:
        report = await SqlSavings(records, eligible_in).savings(period, 20)
    except OperationalError:
        return math.inf, None
    return time.monotonic() - begun, report


async def run(url: str, count: int, span: int) -> None:
    """Fill, measure, print."""
    await migrate(url, MIGRATIONS)
    records = Database(url)
    first = month_of(END - timedelta(days=30 * span))
    try:
        await fill(records, count, END - start_of(first))
        took = await measure(records, first)
    finally:
        await records.close()
    names = {
        "R": "R: from roll-ups, and today from the records",
        "C": "C: everything from the records",
        "M": "M: one month from the records",
        "S": "S: to sum one month",
        "D": "D: to sum one day",
    }
    load = os.getloadavg()[0]
    print(f"{count:,} records, {len(took['S']) + 1} months, load {load:.1f}; seconds, median (least to most)")
    for block, name in names.items():
        values = took[block]
        print(f"{name:48}{statistics.median(values):8.2f} ({min(values):.2f} to {max(values):.2f})")


def main() -> None:
    """Start the server, measure, print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else RECORDS
    span = int(sys.argv[2]) if len(sys.argv) > 2 else MONTHS
    with durable_postgres() as (_, postgres):
        asyncio.run(run(postgres.create_database(), count, span))


if __name__ == "__main__":
    main()
