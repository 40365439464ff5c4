"""Roll-ups on SQLite and PostgreSQL: the report is the same with them and without, whatever comes when."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from smartcard_unlock.card_gateway.v1 import card_gateway_events_pb2
from smartcard_unlock.common.v1 import common_pb2
from sqlalchemy import text, update

from services.audit import rolling
from services.audit.consumer import eligible_in
from services.audit.domain.record import Message
from services.audit.domain.saved_time import Period
from services.audit.domain.savings import Figure, Savings
from services.audit.domain.span import spans
from services.audit.roll_ups import RollUps, differing, roll_up_span, standing_spans, touch
from services.audit.savings import SqlSavings
from services.audit.tables import SPAN_SUMS
from services.runtime import faults
from services.runtime.database import Database
from tests.fakes.clock import FakeClock
from tests.ports.audit.log import append_all, keep, sequencer_of
from tests.ports.audit.test_saved_time import reading
from tests.ports.audit.test_savings import imported
from tests.unit.audit.outcomes import message, outcome

LATER = datetime(2027, 1, 20, tzinfo=UTC)
DAYS = list(spans("2026-12-01", "2027-01-20"))
EDGE = datetime(2026, 11, 1, tzinfo=UTC)
PERIODS = (
    Period(),
    Period(organisation="Y01"),
    Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)),
    Period(EDGE - timedelta(hours=3), datetime(2026, 12, 31, tzinfo=UTC)),
)
ENDS: list[dict[str, Any]] = [
    {},
    {"reason": common_pb2.REASON_FORGOTTEN},
    {"kind": common_pb2.OUTCOME_KIND_UNKNOWN},
    {"kind": common_pb2.OUTCOME_KIND_RESOLVED, "resolved_success": True},
    {"kind": common_pb2.OUTCOME_KIND_FAILED, "code": "CARD_NOT_GENUINE"},
    {"route": common_pb2.ROUTE_RA_IN_PERSON},
]


def told(session: str, number: int, at: datetime, **changed: Any) -> Message:
    """One outcome; few cards and holders, so that unlocks repeat and users come back."""
    whose = {"card_ref": f"c-{number % 7}", "holder_ref": f"h-{number % 9}", "organisation": "X26"}
    body = outcome(session_id=session, **{**whose, "occurred_at": at, "started_at": at, **changed})
    return message(body, ce_id=f"e-{number:05}", offset=number, relayseq=number)


def story(seed: int) -> list[Message]:
    """Sessions around the edges of three months, some with two outcomes, days apart; reads; imports."""
    chance, sent = random.Random(seed), []
    for n in range(60):
        edge = EDGE + timedelta(days=(0, -31, 30)[n % 3])
        at = edge + timedelta(minutes=chance.randrange(-1800, 1800))
        organisation = chance.choice(["X26", "Y01"])
        for extra in range(chance.choice([1, 1, 2])):
            end = {**chance.choice(ENDS), "organisation": organisation}
            sent.append(told(f"s-{n}", 10 * n + extra, at + extra * timedelta(days=20), **end))
        read = card_gateway_events_pb2.CardRead(session_id=f"s-{n}")
        for again in range(chance.choice([1, 2])):
            number, when = 10 * n + 5 + again, at + timedelta(minutes=again)
            sent.append(
                message(read, ce_id=f"e-{number:05}", offset=number, relayseq=number, key=f"s-{n}", time=when)
            )
    for number, (organisation, count) in enumerate([("X26", 40), ("Y01", 9), ("X26", 50)]):
        sent.append(imported(organisation, count, 900 + number))  # type: ignore[arg-type]
    chance.shuffle(sent)
    return sent


async def roll_up(records: Database) -> list[str]:
    return await RollUps(records, eligible_in, FakeClock(LATER)).roll_up()


async def placed(records: Database, sent: Sequence[Message]) -> None:
    await keep(records, sent)
    await append_all(sequencer_of(records))


async def reports(records: Database) -> list[Savings]:
    return [await reading(records).savings(period) for period in PERIODS]


async def counted_anew(records: Database) -> list[Savings]:
    """The reports without any roll-up."""
    async with records.begin("test.forget") as connection:
        await connection.execute(text("UPDATE spans SET changes = changes + 1"))
    return await reports(records)


async def standing(records: Database) -> list[str]:
    async with records.read() as connection:
        return list(await standing_spans(connection))


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_reports_are_the_same_whatever_comes_when_and_whenever_months_are_rolled_up(
    records: Database, seed: int
) -> None:
    sent = story(seed)
    for start in range(0, len(sent), 40):
        await placed(records, sent[start : start + 40])
        await placed(records, sent[max(0, start - 20) : start + 20])
        before = await reports(records)
        await roll_up(records)
        assert await standing(records) == sorted([*DAYS, "2026-09", "2026-10", "2026-11", "2026-12"])
        assert await reports(records) == before == await counted_anew(records)
    await roll_up(records)

    async with records.read() as connection:
        assert await differing(connection, eligible_in) == []
    assert (await reports(records))[0].saved.counted.repeats > 0


async def test_a_month_is_summed_once_and_again_when_it_may_have_changed(records: Database) -> None:
    await placed(records, [told("s-1", 1, EDGE - timedelta(days=2), kind=common_pb2.OUTCOME_KIND_UNKNOWN)])
    first, second = await roll_up(records), await roll_up(records)
    await placed(records, [told("s-1", 2, EDGE + timedelta(days=40))])

    assert (first, second) == ([*DAYS, "2026-10", "2026-11", "2026-12"], [])
    assert await roll_up(records) == ["2026-12-11", "2026-12-12", "2026-10", "2026-12"]


async def test_neither_the_running_month_nor_today_is_summed(records: Database) -> None:
    await placed(records, [told("s-1", 1, EDGE), told("s-2", 2, LATER)])

    assert await roll_up(records) == [*DAYS, "2026-11", "2026-12"]
    assert (await reports(records))[0].saved.counted.unlocks == 2


async def test_an_outcome_of_another_month_takes_the_last_word_and_its_repeat_away(records: Database) -> None:
    resolved = {"kind": common_pb2.OUTCOME_KIND_RESOLVED, "resolved_success": True, "card_ref": "one"}
    await placed(
        records,
        [
            told("s-1", 1, EDGE - timedelta(hours=2), **resolved),
            told("s-2", 2, EDGE + timedelta(hours=2), card_ref="one"),
        ],
    )
    await roll_up(records)
    before = (await reports(records))[0].saved.counted
    await placed(records, [told("s-1", 3, EDGE + timedelta(days=40), card_ref="two")])

    assert before.repeats == 1
    assert not {"2026-10", "2026-11", "2026-12"} & set(await standing(records))
    assert (await reports(records))[0].saved.counted.repeats == 0


async def test_what_waits_for_its_place_leaves_its_months_to_be_counted(records: Database) -> None:
    await placed(records, [told("s-1", 1, EDGE, kind=common_pb2.OUTCOME_KIND_UNKNOWN), told("s-9", 9, EDGE)])
    await roll_up(records)
    late = {"kind": common_pb2.OUTCOME_KIND_RESOLVED, "resolved_success": True}
    await keep(records, [told("s-1", 2, EDGE + timedelta(days=70), **late)])
    waiting, again = await reports(records), await roll_up(records)

    assert {(each.kind, each.sessions) for each in waiting[0].saved.counted.last_words} == {
        ("RESOLVED", 1),
        ("SUCCESS", 1),
    }
    assert not {"2026-11", "2027-01", "2027-01-10"} & set(await standing(records))
    assert again == []
    async with records.read() as connection:
        assert await differing(connection, eligible_in) == []
    assert waiting == await counted_anew(records)


async def test_an_import_that_cannot_be_read_stops_neither_roll_ups_nor_reports(records: Database) -> None:
    told_of = imported("X26", 41, 9000)
    assert isinstance(told_of, Message)
    await placed(records, [replace(told_of, body=b"\xff"), told("s-1", 1, EDGE)])
    before = await reports(records)

    assert "2026-11" in await roll_up(records)
    assert await reports(records) == before
    assert [(each.organisation, each.eligible) for each in before[0].adoption] == [("X26", 0)]


async def test_a_month_that_cannot_be_summed_keeps_no_other_from_it(
    records: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_: bytes) -> int:
        raise RuntimeError

    await placed(records, [imported("X26", 41, 9000), told("s-1", 1, EDGE + timedelta(days=30))])  # type: ignore[list-item]
    summed = await RollUps(records, fails, FakeClock(LATER)).roll_up()

    assert "2026-11" not in summed
    assert {"2026-12", "2026-12-01"} <= set(summed)
    assert "span_not_summed" in "".join(capsys.readouterr())


async def test_the_loop_outlives_a_defect_of_its_own(
    records: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Defective(RollUps):
        calls = 0

        async def roll_up(self) -> list[str]:
            self.calls += 1
            raise OverflowError

    monkeypatch.setattr(rolling, "LOOK_EVERY", 0.01)
    defective = Defective(records, eligible_in, FakeClock(LATER))
    running = asyncio.create_task(rolling.Rolling(records, defective).run())
    async with asyncio.timeout(10):
        while defective.calls < 3 and not running.done():
            await asyncio.sleep(0.01)
    running.cancel()

    assert defective.calls >= 3
    assert "roll_ups_fail" in "".join(capsys.readouterr())


async def test_what_happened_on_the_last_of_all_days_is_placed_and_explained(records: Database) -> None:
    await placed(records, [told("s-1", 1, datetime(9999, 12, 31, 12, tzinfo=UTC))])
    await roll_up(records)
    explained = [each async for each in SqlSavings(records, eligible_in).explain(Figure.UNLOCKS, Period())]

    assert [each.session_id for each in explained] == ["s-1"]


async def test_days_are_kept_for_the_running_month_and_the_one_before(records: Database) -> None:
    await placed(records, [told("s-1", 1, datetime(2026, 12, 30, 12, tzinfo=UTC))])
    await roll_up(records)
    await RollUps(records, eligible_in, FakeClock(datetime(2027, 2, 2, tzinfo=UTC))).roll_up()

    days = [span for span in await standing(records) if len(span) > 7]
    assert (days[0], days[-1], len(days)) == ("2027-01-01", "2027-02-01", 32)
    assert (await reports(records))[0].saved.counted.unlocks == 1


async def test_what_is_placed_while_a_month_is_summed_leaves_it_to_be_counted(records: Database) -> None:
    if not records.is_postgresql:
        return  # SQLite lets in one of the two
    await placed(records, [told("s-1", 1, EDGE)])

    async def sum_november() -> None:
        async with records.begin("test.sum") as connection:
            await roll_up_span(connection, "2026-11", eligible_in)

    async with records.begin("test.place") as connection:
        await touch(connection, ["e-00001"])
        summing = asyncio.create_task(sum_november())
        await asyncio.sleep(0.5)
        assert not summing.done()
    await summing

    assert await standing(records) == []


async def test_F1_killed_before_its_commit_nothing_was_summed(
    records: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await placed(records, [told("s-1", 1, EDGE)])
    before = await reports(records)

    def kill(point: str) -> None:
        if point == "audit.roll_up.before_commit":
            raise KeyboardInterrupt

    monkeypatch.setattr(faults, "act", kill)
    with pytest.raises(KeyboardInterrupt):
        await roll_up(records)
    monkeypatch.undo()

    assert await standing(records) == []
    assert await roll_up(records) == [*DAYS, "2026-11", "2026-12"]
    assert await reports(records) == before


async def test_a_roll_up_that_somebody_changed_is_named(records: Database) -> None:
    await placed(records, [told("s-1", 1, EDGE)])
    await roll_up(records)
    async with records.begin("test.mischief") as connection:
        await connection.execute(update(SPAN_SUMS).values(unlocks=SPAN_SUMS.c.unlocks + 1000))

    assert (await reports(records))[0].saved.counted.unlocks == 1001
    async with records.read() as connection:
        assert await differing(connection, eligible_in) == [
            "2026-11: its roll-up span_sums does not say what its records say"
        ]
