"""Exports on SQLite and PostgreSQL: what docs/analysts.md asks of them agrees with the reports."""

import asyncio
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from smartcard_unlock.card_gateway.v1 import card_gateway_events_pb2
from smartcard_unlock.common.v1 import common_pb2

from services.audit.domain.record import Message
from services.audit.domain.saved_time import Period
from services.audit.domain.savings import By
from services.audit.exporting import Exported, export
from services.audit.parquet import SCHEMA, Folder
from services.runtime.database import Database
from tests.ports.audit.log import append_all, grow, keep, sequencer_of
from tests.ports.audit.test_commands import audit
from tests.ports.audit.test_saved_time import reading
from tests.unit.audit.outcomes import NOON, message, outcome

DOCUMENT = Path(__file__).parents[3] / "docs/analysts.md"
HOURS, ENDS, TIMES, VOUCHED = re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
SPANS = [datetime(2026, month, 28, 23, 59, tzinfo=UTC) for month in (9, 10, 11)]
KINDS: list[dict[str, Any]] = [
    {},
    {"organisation": "Y01", "reason": common_pb2.REASON_FORGOTTEN},
    {"kind": common_pb2.OUTCOME_KIND_FAILED, "code": "CARD_NOT_GENUINE"},
    {"kind": common_pb2.OUTCOME_KIND_UNKNOWN},
    {"kind": common_pb2.OUTCOME_KIND_RESOLVED, "resolved_success": True},
    {"route": common_pb2.ROUTE_RA_IN_PERSON},
    {"reason": common_pb2.REASON_CHANGE},
]
SESSIONS = 210
COLLEAGUES = {"actor": common_pb2.Actor(kind=common_pb2.ACTOR_KIND_COLLEAGUES, ref="9" * 32)}
LET_THROUGH = {n for n in range(SESSIONS) if n % 14 in (1, 2, 4)}
"""By colleagues: of every KINDS[1], KINDS[2] and KINDS[4] the one half. A failure is no unlock."""


def story() -> list[Message]:
    """Each session: its card was read, and so many seconds later it ended; each seventh first in UNKNOWN."""
    found = []
    for n in range(SESSIONS):
        session, at = f"s-{n:04}", SPANS[n % 3]
        read = card_gateway_events_pb2.CardRead(session_id=session)
        found.append(message(read, ce_id=f"r-{n:04}", offset=3 * n, relayseq=3 * n + 1, key=session, time=at))
        vouched = COLLEAGUES if n in LET_THROUGH else {}
        ends = [{**KINDS[n % 7], **vouched, "occurred_at": at + timedelta(seconds=60 + n)}]
        if n % 7 == 4:
            ends.insert(0, {"kind": common_pb2.OUTCOME_KIND_UNKNOWN, "occurred_at": at})
        for number, end in enumerate(ends):
            body = outcome(session_id=session, card_ref=f"c-{n % 50}", holder_ref=f"h-{n % 40}", **end)
            relayseq = 3 * n + 2 + number
            found.append(message(body, ce_id=f"o-{relayseq:04}", offset=relayseq - 1, relayseq=relayseq))
    return found


@pytest.fixture
async def signed(records: Database) -> Database:
    await keep(records, story())
    sequence = sequencer_of(records)
    await append_all(sequence)
    await sequence.sign()
    return records


def quiet(*_: object) -> None:
    pass


async def exported(records: Database, path: Path, places: int = 100) -> Exported:
    return await export(records, Folder(path), quiet, places)


def asked(path: Path, question: str) -> list[tuple[Any, ...]]:
    found = duckdb.sql(question.replace("'month=*", f"'{path}/month=*"))
    assert found is not None
    rows: list[tuple[Any, ...]] = found.fetchall()
    return rows


def files(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*.*") if file.is_file()}


def parquet_files(path: Path) -> list[Path]:
    return sorted(path.glob("month=*/*.parquet"))


async def test_D2_analysts_find_the_hours_that_the_report_finds(signed: Database, tmp_path: Path) -> None:
    await exported(signed, tmp_path)
    rows = asked(tmp_path, HOURS)

    savings = await reading(signed).savings(Period())
    assert {row[0] for row in rows} == {"X26", "Y01"}
    assert sum(row[2] for row in rows) == savings.saved.counted.unlocks
    for group in savings.groups[By.ORGANISATION]:
        assert sum(row[2] for row in rows if row[0] == group.value) == group.unlocks
    for group in savings.groups[By.MONTH]:
        assert sum(row[2] for row in rows if row[1] == group.value) == group.unlocks
    assert all(row[3] == float(round(Decimal(row[2] * 20) / 60, 1)) for row in rows)


async def test_D2_analysts_find_how_sessions_end_as_the_report_does(signed: Database, tmp_path: Path) -> None:
    await exported(signed, tmp_path)

    counted = (await reading(signed).saved_time(Period())).counted
    assert asked(tmp_path, ENDS) == [(word.kind, word.code, word.sessions) for word in counted.last_words]


async def test_D2_analysts_find_how_long_an_unlock_takes(signed: Database, tmp_path: Path) -> None:
    await exported(signed, tmp_path)
    times = {reason: (count, median, most) for reason, count, median, most in asked(tmp_path, TIMES)}

    forgotten = [60.0 + n for n in range(1, SESSIONS, 7)]
    assert times["FORGOTTEN"][:2] == (30, (forgotten[14] + forgotten[15]) / 2)
    assert forgotten[-3] < times["FORGOTTEN"][2] < forgotten[-1]
    assert times.keys() == {"LOCKED", "FORGOTTEN", "CHANGE"}


async def test_analysts_find_the_unlocks_that_colleagues_let_through(
    signed: Database, tmp_path: Path
) -> None:
    await exported(signed, tmp_path)

    months = ("2026-09", "2026-10", "2026-11")
    assert asked(tmp_path, VOUCHED) == [(code, month, 5) for code in ("X26", "Y01") for month in months]


async def test_every_signed_record_is_in_one_file_of_its_month_and_no_other_column_is(
    signed: Database, tmp_path: Path
) -> None:
    done = await exported(signed, tmp_path)

    found = []
    for path in parquet_files(tmp_path):
        table = pq.ParquetFile(path).read()
        assert table.schema.equals(SCHEMA)
        assert {f"month={at:%Y-%m}" for at in table["occurred_at"].to_pylist()} == {path.parent.name}
        found += table["place"].to_pylist()
    assert sorted(found) == list(range(done.records))
    assert done.records == SESSIONS * 2 + 30
    assert not {"body", "traceparent", "actor_ref"} & set(SCHEMA.names)


async def test_the_document_describes_every_column() -> None:
    described = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", DOCUMENT.read_text(), re.M))))

    assert described == {*SCHEMA.names, "month"}


async def test_a_second_export_writes_nothing_and_another_folder_gets_the_same_bytes(
    signed: Database, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    done = [await exported(signed, path) for path in (first, first, second)]

    assert [each.written for each in done] == [5, 0, 5]
    assert files(first) == files(second)


async def test_what_is_new_changes_no_segment_that_was_full(records: Database, tmp_path: Path) -> None:
    await grow(records, 0, 250)
    await exported(records, tmp_path)
    before = files(tmp_path)
    await grow(records, 250, 100)
    done = await exported(records, tmp_path)

    after = files(tmp_path)
    assert done == Exported(350, 2)
    for first in (0, 100):
        name = f"month=2026-11/records-{first:012}.parquet"
        assert after[name] == before[name]
    assert asked(tmp_path, ENDS) == [("SUCCESS", "", 350)]


async def test_what_is_not_signed_yet_is_not_exported(records: Database, tmp_path: Path) -> None:
    await keep(records, story())
    await append_all(sequencer_of(records))

    assert await exported(records, tmp_path) == Exported(0, 0)


async def test_a_file_that_is_gone_or_cut_is_written_again(signed: Database, tmp_path: Path) -> None:
    await exported(signed, tmp_path)
    whole = files(tmp_path)
    (tmp_path / "month=2026-10/records-000000000100.parquet").unlink()
    (tmp_path / "month=2026-09/records-000000000200.parquet").write_bytes(b"PAR1")

    assert (await exported(signed, tmp_path)).written == 2
    assert files(tmp_path) == whole


def test_F1_an_export_killed_at_every_step_goes_on_and_gives_the_same_files(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.ports.audit.killed_exports", str(tmp_path)],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip

    kills, odd = map(int, done.stdout.split())
    assert kills >= 20
    assert odd == 0
    assert files(tmp_path / "killed") == files(tmp_path / "whole")


async def test_an_operator_sees_how_far_an_export_is(records: Database, url: str, tmp_path: Path) -> None:
    await grow(records, 0, 3)
    done = await asyncio.to_thread(audit, "export", str(tmp_path / "out"), AUDIT_DATABASE_URL=url)
    with Folder(tmp_path / "out").held():
        busy = await asyncio.to_thread(audit, "export", str(tmp_path / "out"), AUDIT_DATABASE_URL=url)

    assert done.stdout.splitlines() == [
        "           3 of 3 records (100 %)",
        "3 signed records are there; 1 segments were written",
    ]
    assert (busy.returncode, busy.stderr) == (2, f"{tmp_path / 'out'}: BlockingIOError\n")
    assert asked(tmp_path / "out", ENDS) == [("SUCCESS", "", 3)]
    assert [path.parent.name for path in parquet_files(tmp_path / "out")] == [f"month={NOON:%Y-%m}"]
