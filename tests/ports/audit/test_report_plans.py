"""A month's report reads a month: what PostgreSQL plans for each of its statements, with records of years."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import event, text

from services.audit.__main__ import MIGRATIONS
from services.audit.consumer import eligible_in
from services.audit.domain.saved_time import Period
from services.audit.domain.savings import Figure
from services.audit.roll_ups import RollUps
from services.audit.savings import SqlSavings
from services.runtime.database import Database, migrate
from tests.fakes.clock import FakeClock
from tests.ports.audit.test_saved_time import Ended, put, reading
from tests.unit.audit.outcomes import NOON

SESSIONS = 10_000
MONTH = Period(NOON - timedelta(days=400), NOON - timedelta(days=370))


@pytest.fixture
async def years(postgres_url: str) -> AsyncIterator[Database]:
    """Outcomes over three years."""
    await migrate(postgres_url, MIGRATIONS)
    records = Database(postgres_url)
    every = timedelta(days=1000) / SESSIONS
    # 144 minutes between two; every other one is of four cards in turn, 19.2 h after its last: a repeat.
    cards = [f"c-{n // 2 % 4}" if n % 2 else f"d-{n}" for n in range(SESSIONS)]
    ended = [Ended(f"s-{n:05}", at=NOON - every * n, card=card) for n, card in enumerate(cards)]
    await put(records, ended)
    async with records.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.execute(text("ANALYZE"))
    yield records
    await records.close()


async def statements_of(records: Database, period: Period) -> list[tuple[str, Any]]:
    """What the report and its explanation send to PostgreSQL."""
    sent: list[tuple[str, Any]] = []
    engine = records.engine.sync_engine

    def hear(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        sent.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", hear)
    await reading(records).savings(period)
    assert [each async for each in SqlSavings(records, eligible_in).explain(Figure.UNLOCKS, period)]
    event.remove(engine, "before_cursor_execute", hear)
    return [(statement, parameters) for statement, parameters in sent if "FROM records" in statement]


@pytest.mark.parametrize("period", [MONTH, Period()], ids=["a month", "everything"])
async def test_no_statement_of_a_report_reads_the_whole_table(years: Database, period: Period) -> None:
    """A month's report from its records; that of everything once the months that have ended are summed."""
    if period == Period():
        await RollUps(years, eligible_in, FakeClock(NOON)).roll_up()
    statements = await statements_of(years, period)
    assert len(statements) >= 9
    async with years.read() as connection:
        for statement, parameters in statements:
            plan = await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
            lines = [row[0] for row in plan]
            assert not [line for line in lines if "Seq Scan on records" in line], "\n".join(lines)


async def test_months_add_up_to_the_whole_repeats_over_their_edges_too(years: Database) -> None:
    whole = (await reading(years).savings(Period())).saved.counted
    edges = [NOON + timedelta(days=30 * n - 1020) for n in range(36)]
    months = [(await reading(years).saved_time(Period(*each))).counted for each in pairwise(edges)]

    assert sum(month.unlocks for month in months) == whole.unlocks == SESSIONS
    assert sum(month.repeats for month in months) == whole.repeats == SESSIONS // 2 - 4
