"""Saved hours as SQL over records, on SQLite and PostgreSQL."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from smartcard_unlock.audit.v1 import audit_pb2
from sqlalchemy import insert

from services.audit.card_records import SqlCardRecords
from services.audit.consumer import eligible_in
from services.audit.domain.record import OutcomeKind
from services.audit.domain.saved_time import Period, SavedTime
from services.audit.receipts import SqlReceipts
from services.audit.reports import SqlReports
from services.audit.savings import SqlSavings
from services.audit.servicer import AuditServicer
from services.audit.storage import microseconds
from services.audit.tables import BODIES, RECORDS
from services.audit.use_cases import ReadCards, ReadRecords
from services.runtime.database import Database
from services.runtime.grants import GrantVerifier
from tests.fakes.clock import FakeClock
from tests.unit.audit.outcomes import NOON, outcome

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Ended:
    """One outcome as a row."""

    session: str
    kind: OutcomeKind = OutcomeKind.SUCCESS
    card: str = ""
    at: datetime = NOON
    reason: str = "LOCKED"
    route: str = "SELF"
    resolved: bool = False
    code: str = ""
    organisation: str = "X26"
    took: timedelta | None = None

    def body(self, number: int) -> dict[str, Any]:
        told = outcome(session_id=self.session, code=self.code)
        return {"ce_id": f"e-{number}", "stored_us": microseconds(self.at), "body": told.SerializeToString()}

    def row(self, number: int) -> dict[str, Any]:
        return {
            "ce_id": f"e-{number}", "ce_type": "t", "source": "card_gateway", "subject": self.session,
            "occurred_us": microseconds(self.at), "relayseq": number, "traceparent": "",
            "topic": "card_gateway.events.v1", "partition": 0, "kafka_offset": number,
            "stored_us": microseconds(self.at), "session_id": self.session, "kind": self.kind.value,
            "rank": self.kind.rank, "code": self.code, "reason": self.reason, "route": self.route,
            "card_ref": self.card or self.session, "holder_ref": "h", "organisation": self.organisation,
            "actor_kind": "HOLDER", "actor_ref": "h", "resolved_success": self.resolved,
            "took_ms": self.took // timedelta(milliseconds=1) if self.took else None,
        }  # fmt: skip


async def put(records: Database, ended: list[Ended]) -> None:
    async with records.begin("test.put") as connection:
        await connection.execute(insert(RECORDS), [item.row(number) for number, item in enumerate(ended)])
        await connection.execute(insert(BODIES), [item.body(number) for number, item in enumerate(ended)])


def reading(records: Database) -> ReadRecords:
    return ReadRecords(SqlReports(records), SqlReceipts(records), SqlSavings(records, eligible_in), 20)


def no_cards(records: Database) -> ReadCards:
    """Lets nobody read a card's records."""
    return ReadCards(SqlCardRecords(records), GrantVerifier({}, "audit_reader", FakeClock(NOON)))


async def saved(records: Database, period: Period = Period()) -> SavedTime:  # noqa: B008 - frozen
    return await reading(records).saved_time(period)


async def test_R20_R22_50_000_unlocks_save_16_666_7_hours_and_60_000_save_20_000(records: Database) -> None:
    await put(records, [Ended(f"s-{number}") for number in range(60_000)])
    first_50_000 = Period(end=NOON)

    assert (await saved(records)).saved_hours == "20,000.0"
    assert (await saved(records, first_50_000)).saved_hours == "0.0"


async def test_R21_of_60_000_outcomes_the_50_000_that_count_save_16_666_7_hours(records: Database) -> None:
    other = [
        {"reason": "CHANGE"},
        {"route": "RA_IN_PERSON"},
        {"kind": OutcomeKind.UNKNOWN},
        {"kind": OutcomeKind.FAILED},
        {"kind": OutcomeKind.REFUSED},
    ]
    ended = [Ended(f"s-{number}") for number in range(50_000)]
    await put(records, ended + [Ended(f"o-{number}", **other[number % 5]) for number in range(10_000)])  # type: ignore[arg-type]

    figures = await saved(records)
    assert (figures.counted.unlocks, figures.saved_hours) == (50_000, "16,666.7")


async def test_the_saved_minutes_read_0_then_20_then_40_and_still_40_after_a_failure(
    records: Database,
) -> None:
    seen = [(await saved(records)).saved_minutes]
    for number, kind in enumerate([OutcomeKind.SUCCESS, OutcomeKind.SUCCESS, OutcomeKind.FAILED]):
        async with records.begin("test.put") as connection:
            await connection.execute(insert(RECORDS), Ended(f"s-{number}", kind).row(number))
        seen.append((await saved(records)).saved_minutes)

    assert seen == [0, 20, 40, 40]


@pytest.mark.parametrize(
    ("kinds", "counts"),
    [
        ([("UNKNOWN", False), ("RESOLVED", True)], 1),
        ([("RESOLVED", True), ("UNKNOWN", False)], 1),
        ([("UNKNOWN", False), ("RESOLVED", False)], 0),
        ([("UNKNOWN", False)], 0),
        ([("REFUSED", False), ("SUCCESS", False)], 1),
        ([("SUCCESS", False), ("REFUSED", False), ("LOCKED_TO_RA", False), ("ABANDONED", False)], 1),
        ([("FAILED", False), ("UNKNOWN", False)], 0),
    ],
)
async def test_R20_the_last_word_decides_by_rank_whatever_came_first(
    records: Database, kinds: list[tuple[str, bool]], counts: int
) -> None:
    await put(
        records,
        [
            Ended("s", OutcomeKind(kind), at=NOON + HOUR * number, resolved=resolved)
            for number, (kind, resolved) in enumerate(kinds)
        ],
    )

    assert (await saved(records)).counted.unlocks == counts


async def test_R21_repeats_within_24_hours_are_counted_and_shown_apart(records: Database) -> None:
    at = [NOON, NOON + 23 * HOUR, NOON + 47 * HOUR - timedelta(microseconds=1), NOON + 71 * HOUR]
    await put(records, [Ended(f"s-{number}", card="one", at=instant) for number, instant in enumerate(at)])

    figures = await saved(records)
    assert (figures.counted.unlocks, figures.counted.repeats) == (4, 2)


async def test_an_unlock_exactly_24_hours_later_is_no_repeat(records: Database) -> None:
    await put(records, [Ended("s-1", card="one"), Ended("s-2", card="one", at=NOON + 24 * HOUR)])

    assert (await saved(records)).counted.repeats == 0


async def test_a_failure_in_between_makes_no_repeat(records: Database) -> None:
    await put(
        records, [Ended("s-1", OutcomeKind.FAILED, card="one"), Ended("s-2", card="one", at=NOON + HOUR)]
    )

    assert (await saved(records)).counted.repeats == 0


async def test_a_period_counts_its_first_instant_and_not_its_last(records: Database) -> None:
    await put(records, [Ended(f"s-{hour}", card="one", at=NOON + hour * HOUR) for hour in range(4)])

    figures = await saved(records, Period(NOON + HOUR, NOON + 3 * HOUR))
    assert (figures.counted.unlocks, figures.counted.repeats) == (2, 2)


async def test_one_organisation(records: Database) -> None:
    await put(records, [Ended("s-1"), Ended("s-2", organisation="Y01")])

    assert (await saved(records, Period(organisation="Y01"))).counted.unlocks == 1


async def test_sessions_are_counted_by_their_last_word(records: Database) -> None:
    await put(
        records,
        [
            Ended("s-1", took=timedelta(minutes=3)),
            Ended("s-2", took=timedelta(minutes=2)),
            Ended("s-3", OutcomeKind.REFUSED, code="NO_EMAIL"),
            Ended("s-3", OutcomeKind.ABANDONED, code="DEADLINE"),
        ],
    )

    figures = await saved(records)
    words = [(word.kind, word.code, word.sessions) for word in figures.counted.last_words]
    assert words == [("REFUSED", "NO_EMAIL", 1), ("SUCCESS", "", 2)]
    assert figures.session_minutes == 5


async def test_the_reader_answers_in_the_words_of_the_contract(records: Database) -> None:
    await put(records, [Ended("s-1", at=NOON), Ended("s-2", OutcomeKind.REFUSED, code="NO_EMAIL")])
    servicer = AuditServicer(reading(records), no_cards(records))
    request = audit_pb2.GetSavedTimeRequest(organisation="X26")
    request.until.FromDatetime(NOON + HOUR)

    answer = await servicer.GetSavedTime(request, None)
    assert (answer.unlocks, answer.saved_minutes, answer.saved_hours) == (1, 20, "0.3")
    assert [(word.code, word.sessions) for word in answer.last_words] == [("NO_EMAIL", 1), ("", 1)]
    listed = await servicer.ListSessionRecords(audit_pb2.ListSessionRecordsRequest(session_id="s-1"), None)
    assert [record.outcome.session_id for record in listed.records] == ["s-1"]
