"""Bodies that are too old, on SQLite and PostgreSQL: they go by months, and all that was proven stays so."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from smartcard_unlock.audit.v1 import audit_pb2
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from services.audit import bodies, verifying
from services.audit.consumer import eligible_in, outcome_in, read
from services.audit.domain.log import NotReady
from services.audit.domain.record import Message
from services.audit.domain.retiring import Retirement
from services.audit.domain.saved_time import Period
from services.audit.domain.savings import Figure
from services.audit.receipts import SqlReceipts
from services.audit.retiring import RetireBodies
from services.audit.roll_ups import RollUps, differing
from services.audit.savings import SqlSavings
from services.audit.storage import SqlStore
from services.audit.tables import BODIES, RETIRED
from services.audit.use_cases import KeepRecords
from services.audit.verify import audit_verify
from services.runtime.database import Database
from tests.fakes.clock import FakeClock
from tests.ports.audit.log import KEY, append_all, grow, keep, receipt_of, sequencer_of
from tests.ports.audit.test_commands import audit
from tests.ports.audit.test_exporting import exported
from tests.ports.audit.test_saved_time import reading
from tests.ports.audit.test_savings import imported
from tests.ports.audit.test_verifying import body_tables, read_head
from tests.unit.audit.outcomes import NOON, message, outcome

OLD = NOON - timedelta(days=450)
MONTH = "2025-08"


async def keep_old(records: Database, sent: list[Message]) -> None:
    clock = FakeClock(OLD)
    await KeepRecords(SqlStore(records, clock), read, clock).keep(sent)


def old(number: int) -> Message:
    body = outcome(session_id=f"old-{number}", occurred_at=OLD)
    return message(body, ce_id=f"a-{number:04}", offset=5000 + number, relayseq=5000 + number, time=OLD)


async def retire(records: Database) -> list[Retirement]:
    work = RetireBodies(records, FakeClock(NOON))
    await work.prepare()
    return await work.retire()


async def bodies_left(records: Database) -> int:
    async with records.read() as connection:
        return int(await connection.scalar(select(func.count()).select_from(BODIES)) or 0)


@pytest.fixture
async def log(records: Database) -> Database:
    """20 records and an import of 450 days ago, 30 of today, all signed."""
    told = imported("X26", 41, 9000)
    assert isinstance(told, Message)
    headers = tuple((name, value) for name, value in told.headers if name != "ce_time")
    told = Message(told.origin, (*headers, ("ce_time", OLD.isoformat().encode())), told.key, told.body)
    await keep_old(records, [*map(old, range(20)), told])
    await grow(records, 0, 30)
    return records


async def test_old_bodies_go_and_all_that_was_proven_stays_so(log: Database, tmp_path: Path) -> None:
    await RollUps(log, eligible_in, FakeClock(NOON)).roll_up()
    receipt, report = await receipt_of(log, "old-7"), await reading(log).savings(Period())
    before = await exported(log, tmp_path / "before")
    done = await retire(log)
    await grow(log, 30, 5)

    assert done == [Retirement(MONTH, 21, 51)]
    assert await bodies_left(log) == 35
    seen = await verifying.verify(log, read_head, outcome_in, eligible_in, {}, NOON)
    assert (seen.records, seen.wrong, seen.retired) == (56, [], 21)
    assert audit_verify.verify(receipt.text, KEY.public_key())[1].size == 51
    assert await SqlReceipts(log).receipt("old-7") is NotReady.RETIRED
    assert (await receipt_of(log, "s-1")).size == 56
    assert (await exported(log, tmp_path / "after")).records == before.records + 5
    after = await reading(log).savings(Period())
    assert after.saved.counted.unlocks == report.saved.counted.unlocks + 5
    assert [each.eligible for each in after.adoption] == [41]


async def test_what_is_left_says_that_the_body_went_by_age(log: Database) -> None:
    await retire(log)
    explained = [each async for each in SqlSavings(log, eligible_in).explain(Figure.UNLOCKS, Period())]
    (listed,) = await reading(log).session_records("old-7")

    assert [each.retired for each in explained] == [True] * 20 + [False] * 30
    assert (listed.ce_id, listed.body) == ("a-0007", None)
    assert audit_pb2.ReceiptNotReady.Value("RECEIPT_NOT_READY_RETIRED") == 3


async def test_a_month_that_is_summed_anew_keeps_what_its_imports_said(log: Database) -> None:
    await RollUps(log, eligible_in, FakeClock(NOON)).roll_up()
    await retire(log)
    await keep(
        log, [message(outcome(session_id="late", occurred_at=OLD), ce_id="z-1", offset=7777, relayseq=7777)]
    )
    await append_all(sequencer_of(log))
    await RollUps(log, eligible_in, FakeClock(NOON)).roll_up()

    assert [each.eligible for each in (await reading(log).savings(Period())).adoption] == [41]
    async with log.read() as connection:
        assert await differing(connection, eligible_in) == []


async def test_a_month_goes_once_and_younger_ones_stay(log: Database) -> None:
    first, second = await retire(log), await retire(log)

    assert (len(first), second) == (1, [])
    assert await bodies_left(log) == 30
    async with log.read() as connection:
        (row,) = await connection.execute(select(RETIRED))
    assert (row.month, row.bodies, row.size) == (MONTH, 21, 51)


async def test_bodies_that_no_signed_head_covers_stay(records: Database) -> None:
    await keep_old(records, [old(1)])
    unplaced = await retire(records)
    await append_all(sequencer_of(records))
    unsigned = await retire(records)

    why = "no signed head covers record a-0001"
    assert [each.why_not for each in (*unplaced, *unsigned)] == [why, why]
    assert await bodies_left(records) == 1


async def test_a_month_with_a_changed_body_stays_and_is_named(log: Database) -> None:
    async with log.begin("test.mischief") as connection:
        for table in await body_tables(connection):
            off = (
                f"ALTER TABLE {table} DISABLE TRIGGER ALL"
                if log.is_postgresql
                else "DROP TRIGGER bodies_no_update"
            )
            await connection.execute(text(off))
        change = "UPDATE bodies SET body = :body WHERE ce_id = 'a-0003'"
        await connection.execute(text(change), {"body": b"another"})
    (stays,) = await retire(log)

    assert stays.why_not == "place 3, record a-0003: the record was changed"
    assert await bodies_left(log) == 51


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("DELETE FROM bodies WHERE ce_id = 'a-0007'", "place 7, record a-0007: its body was removed"),
        ("INSERT INTO bodies SELECT 'stray', stored_us, body FROM bodies WHERE ce_id = 'a-0007'",
         "no record has the body of stray"),
    ],
)  # fmt: skip
async def test_a_month_with_a_body_too_few_or_too_many_stays_and_is_named(
    log: Database, change: str, why: str
) -> None:
    async with log.begin("test.mischief") as connection:
        for table in await body_tables(connection):
            off = (
                f"ALTER TABLE {table} DISABLE TRIGGER ALL"
                if log.is_postgresql
                else "DROP TRIGGER bodies_no_delete"
            )
            await connection.execute(text(off))
        await connection.execute(text(change))
    (stays,) = await retire(log)

    assert stays.why_not == why
    async with log.read() as connection:
        assert (await connection.execute(select(RETIRED))).all() == []


async def test_a_clock_that_is_ahead_of_the_newest_head_drops_nothing_more(log: Database) -> None:
    done = await RetireBodies(log, FakeClock(NOON + timedelta(days=440))).retire()

    assert [each.month for each in done] == [MONTH]
    assert await bodies_left(log) == 30


async def test_bodies_of_months_that_nobody_made_get_their_place_with_the_next_run(records: Database) -> None:
    if not records.is_postgresql:
        return  # one table
    past = FakeClock(NOON - timedelta(days=100))
    await KeepRecords(SqlStore(records, past), read, past).keep([old(1)])
    made = await RetireBodies(records, FakeClock(NOON)).prepare()
    async with records.read() as connection:
        rest = await connection.scalar(text("SELECT count(*) FROM ONLY bodies_rest"))

    assert (made[0], rest) == (f"{past.now():%Y-%m}", 0)


async def test_S46_a_body_goes_with_its_month_alone(log: Database) -> None:
    await retire(log)
    async with log.read() as connection:
        tables = await body_tables(connection)
    for table in tables:
        for act in (f"DELETE FROM {table}", f"UPDATE {table} SET body = body", f"DELETE FROM {RETIRED.name}"):
            with pytest.raises(DBAPIError, match="append-only"):
                async with log.begin("test.change") as connection:
                    await connection.execute(text(act))
    assert await bodies_left(log) == 30


async def test_a_body_of_a_month_that_nobody_made_has_a_place_and_moves_once_it_is_made(
    records: Database,
) -> None:
    if not records.is_postgresql:
        return  # one table
    await keep_old(records, [old(1), old(2)])
    async with records.read() as connection:
        rest = await connection.scalar(text("SELECT count(*) FROM ONLY bodies_rest"))
    async with records.begin("test.make") as connection:
        made = [await bodies.make_month(connection, MONTH) for _ in range(2)]
        moved = await connection.scalar(text("SELECT count(*) FROM bodies_2025_08"))

    assert (rest, made, moved) == (2, [True, False], 2)
    assert await bodies_left(records) == 2


async def test_an_operator_sees_what_went(log: Database, url: str) -> None:
    kept = await asyncio.to_thread(audit, "retire", "--months-only", AUDIT_DATABASE_URL=url)
    assert (kept.returncode, await bodies_left(log)) == (0, 51)
    done = await asyncio.to_thread(audit, "retire", AUDIT_DATABASE_URL=url)
    explained = await asyncio.to_thread(audit, "explain", "unlocks", AUDIT_DATABASE_URL=url)

    dropped = [line for line in done.stdout.splitlines() if "dropped" in line]
    assert done.returncode == 0
    assert f"{MONTH}: 21 bodies dropped, under the head of 51 records" in dropped
    assert explained.stdout.count("body dropped by age") >= 20
