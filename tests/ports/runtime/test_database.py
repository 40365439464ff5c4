"""The same promises on SQLite and PostgreSQL."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import structlog.testing
from sqlalchemy import insert, select, text
from sqlalchemy.exc import IntegrityError

from services.runtime import faults
from services.runtime.database import Database, TransientDatabaseError
from services.runtime.inbox import first_time, forget_old
from tests.fakes.clock import NOON
from tests.ports.at_once import at_once
from tests.ports.runtime.world import COUNTS, INBOX


async def count(database: Database) -> int:
    async with database.read() as connection:
        return len((await connection.execute(select(COUNTS.c.number))).all())


async def test_a_transaction_is_all_or_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.begin("test.broken") as connection:
            await connection.execute(insert(COUNTS), {"number": 1})
            raise ZeroDivisionError
    async with database.begin("test.whole") as connection:
        await connection.execute(insert(COUNTS), {"number": 2})

    assert await count(database) == 1


async def test_fault_points_stand_before_and_after_each_commit(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached: list[tuple[str, int]] = []
    monkeypatch.setattr(faults, "act", lambda point: reached.append((point, 0)))

    async with database.begin("test.named") as connection:
        await connection.execute(insert(COUNTS), {"number": 1})

    assert [point for point, _ in reached] == ["test.named.before_commit", "test.named.after_commit"]


async def test_a_fault_before_the_commit_leaves_nothing(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(point: str) -> None:
        raise RuntimeError(point)

    monkeypatch.setattr(faults, "act", fail)
    with pytest.raises(RuntimeError):
        async with database.begin("test.fails") as connection:
            await connection.execute(insert(COUNTS), {"number": 1})

    assert await count(database) == 0


async def test_a_read_commits_nothing(database: Database) -> None:
    async with database.read() as connection:
        await connection.execute(insert(COUNTS), {"number": 1})

    assert await count(database) == 0


async def test_F12_a_busy_database_is_a_passing_fault(database: Database) -> None:
    async with database.begin("test.first") as first:
        await first.execute(insert(COUNTS), {"number": 1})
        if database.is_postgresql:
            await first.execute(text("lock table counts in exclusive mode"))
        with pytest.raises(TransientDatabaseError):
            async with database.begin("test.second") as second:
                await second.execute(insert(COUNTS), {"number": 2})


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_F12_a_statement_that_is_too_slow_is_told_once_and_without_its_words(
    database: Database,
) -> None:
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            with pytest.raises(TransientDatabaseError) as caught:
                async with database.read() as connection:
                    await connection.execute(text("set local statement_timeout = 20"))
                    await connection.execute(text("select pg_sleep(10), :word"), {"word": "canary"})

    (line,) = [line for line in lines if line["event"] == "database_fault"]
    assert caught.value.sqlstate == "57014"
    assert (line["sqlstate"], line["cause"], line["times"]) == ("57014", "QueryCanceled", 1)
    assert "canary" not in str(line)
    assert "pg_sleep" not in str(line)


async def test_a_broken_rule_is_no_passing_fault(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.begin("test.twice") as connection:
            await connection.execute(insert(COUNTS), [{"number": 1}, {"number": 1}])


async def test_times_come_back_aware_and_to_the_microsecond(database: Database) -> None:
    elsewhere = datetime(2026, 3, 2, 14, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    async with database.begin("test.time") as connection:
        await connection.execute(insert(INBOX), {"ce_id": "a", "taken_at": elsewhere})

    async with database.read() as connection:
        stored = (await connection.execute(select(INBOX.c.taken_at))).scalar_one()
    assert stored == elsewhere
    assert stored.tzinfo is UTC


async def test_I6_an_event_is_taken_once_by_parallel_consumers(database: Database) -> None:
    async def take() -> bool:
        async with database.begin("test.take") as connection:
            return await first_time(connection, INBOX, "event-1", NOON)

    taken = await at_once(take for _ in range(8))

    assert sorted(taken) == [False] * 7 + [True]


async def test_the_inbox_outlives_every_topic(database: Database) -> None:
    async with database.begin("test.fill") as connection:
        await first_time(connection, INBOX, "old", NOON - timedelta(days=46))
        await first_time(connection, INBOX, "young", NOON - timedelta(days=44))
        forgotten = await forget_old(connection, INBOX, NOON)

    assert forgotten == 1


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_F9_a_lost_connection_is_a_passing_fault(database: Database) -> None:
    with pytest.raises(TransientDatabaseError):
        async with database.begin("test.cut") as connection:
            await connection.execute(insert(COUNTS), {"number": 1})
            own = await connection.scalar(text("select pg_backend_pid()"))  # others use this server too
            async with database.engine.connect() as other:
                await other.execute(text("select pg_terminate_backend(:pid)"), {"pid": own})
            await connection.execute(insert(COUNTS), {"number": 2})

    assert await count(database) == 0
