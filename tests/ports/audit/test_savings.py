"""The report on saved hours as SQL, on SQLite and PostgreSQL; each figure by the records it counts."""

from datetime import UTC, datetime, timedelta

import pytest
from smartcard_unlock.audit.v1 import audit_pb2
from smartcard_unlock.card_gateway.v1 import card_gateway_events_pb2
from smartcard_unlock.identity.v1 import identity_events_pb2

from services.audit.consumer import eligible_in
from services.audit.domain.record import OutcomeKind
from services.audit.domain.saved_time import Period
from services.audit.domain.savings import Adoption, By, CountedRecord, Figure, Group, Savings, Stage
from services.audit.savings import SqlSavings
from services.audit.servicer import AuditServicer
from services.runtime.database import Database
from tests.ports.audit.log import keep
from tests.ports.audit.test_saved_time import HOUR, Ended, no_cards, put, reading
from tests.unit.audit.outcomes import NOON, message

OCTOBER = datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC)
NEXT_MONTH = datetime(2026, 12, 1, tzinfo=UTC)
TOOK = timedelta(minutes=3)

STORY = [
    Ended("s-0", at=OCTOBER, card="c-0", took=TOOK),
    Ended("s-1", card="c-1", took=TOOK),
    Ended("s-2", card="c-1", at=NOON + HOUR, took=TOOK, reason="FORGOTTEN"),
    Ended("s-3", at=NOON, reason="CHANGE", took=TOOK),
    Ended("s-4", at=NOON, route="RA_IN_PERSON"),
    Ended("s-5", at=NOON, kind=OutcomeKind.FAILED, code="CARD_NOT_GENUINE"),
    Ended("s-6", at=NOON, kind=OutcomeKind.UNKNOWN),
    Ended("s-7", at=NEXT_MONTH, kind=OutcomeKind.RESOLVED, resolved=True, organisation="Y01", took=TOOK),
    Ended("s-8", at=NOON, kind=OutcomeKind.RESOLVED, organisation="Y01"),
    Ended("s-9", at=NOON, reason="SIGN_IN", took=TOOK),
]


def imported(organisation: str, eligible: int, number: int) -> object:
    told = identity_events_pb2.HoldersImported(
        organisation=organisation, holders=eligible + 9, eligible_holders=eligible
    )
    return message(
        told, source="identity", topic="identity.events.v1", ce_id=f"i-{number}", offset=number,
        relayseq=number, key=organisation,
    )  # fmt: skip


@pytest.fixture
async def story(records: Database) -> Database:
    await put(records, STORY)
    imports = [("X26", 5, 1), ("X26", 41, 3), ("X26", 7, 2), ("Z99", 10, 4)]
    await keep(records, [imported(*one) for one in imports])  # type: ignore[misc]
    return records


async def savings(records: Database, period: Period = Period()) -> Savings:  # noqa: B008 - frozen
    return await reading(records).savings(period)


async def test_R59_gross_net_and_RA_minutes(story: Database) -> None:
    found = await savings(story)

    assert (found.saved.counted.unlocks, found.saved.saved_minutes) == (4, 80)
    assert found.saved.session_minutes == 12
    assert found.net_minutes == 68
    assert (found.in_person, found.ra_minutes) == (1, 20)
    # s-9 is a sign-in: it unlocks nothing, so it is among no ends of unlocks.
    assert sum(word.sessions for word in found.saved.counted.last_words) == len(STORY) - 1


async def test_R21_unlocks_by_month_organisation_reason_and_route(story: Database) -> None:
    groups = (await savings(story)).groups

    assert groups[By.MONTH] == (
        Group("2026-10", 1, 1, 0),
        Group("2026-11", 4, 2, 1),
        Group("2026-12", 1, 1, 0),
    )
    assert groups[By.ORGANISATION] == (Group("X26", 5, 3, 1), Group("Y01", 1, 1, 0))
    assert groups[By.REASON] == (
        Group("CHANGE", 1, 0, 0),
        Group("FORGOTTEN", 1, 1, 1),
        Group("LOCKED", 4, 3, 0),
    )
    assert groups[By.ROUTE] == (Group("RA_IN_PERSON", 1, 0, 0), Group("SELF", 5, 4, 1))


async def test_R61_adoption_is_by_the_last_import_of_each_organisation(story: Database) -> None:
    x26, y01, z99 = (await savings(story)).adoption

    assert x26 == Adoption("X26", 41, 1, 3)
    assert (x26.per_cent, x26.minutes_to_be_had(20)) == ("2.4", 40 * 3 * 20)
    assert (y01, y01.per_cent, y01.minutes_to_be_had(20)) == (Adoption("Y01", 0, 1, 1), "", 0)
    assert (z99, z99.per_cent, z99.minutes_to_be_had(20)) == (Adoption("Z99", 10, 0, 0), "0.0", 0)


async def test_R61_one_organisation_and_one_month(story: Database) -> None:
    november = Period(datetime(2026, 11, 1, tzinfo=UTC), NEXT_MONTH, "X26")
    found = await savings(story, november)

    assert found.saved.counted.unlocks == 2
    assert found.adoption == (Adoption("X26", 41, 1, 2),)
    assert found.stages == (Stage("Smartcard unlocked", 4),)


async def test_where_sessions_end_is_counted_once_a_session(story: Database) -> None:
    read = card_gateway_events_pb2.CardRead(session_id="s-1")
    twice = [
        message(read, ce_id=f"r-{number}", offset=100 + number, relayseq=100 + number) for number in range(2)
    ]
    await keep(story, twice)

    stages = {stage.name: stage.sessions for stage in (await savings(story)).stages}
    assert (stages["Smartcard read"], stages["Smartcard unlocked"]) == (1, 6)


@pytest.mark.parametrize(
    ("figure", "sessions"),
    [
        (Figure.UNLOCKS, ["s-0", "s-1", "s-2", "s-7"]),
        (Figure.REPEATS, ["s-2"]),
        (Figure.UNLOCKED, ["s-0", "s-1", "s-3", "s-4", "s-2", "s-7"]),
        (Figure.IN_PERSON, ["s-4"]),
        (Figure.ENDED, ["s-0", "s-1", "s-3", "s-4", "s-5", "s-6", "s-8", "s-2", "s-7"]),
    ],
)
async def test_every_figure_is_explained_by_the_records_that_it_counts(
    story: Database, figure: Figure, sessions: list[str]
) -> None:
    explained = await explain(story, figure)

    assert [each.session_id for each in explained] == sessions
    assert explained[0].words in {
        "SUCCESS LOCKED SELF X26",
        "SUCCESS LOCKED SELF X26 180.0 s",
        "SUCCESS FORGOTTEN SELF X26",
        "SUCCESS LOCKED RA_IN_PERSON X26",
    }


async def explain(records: Database, figure: Figure, organisation: str = "") -> list[CountedRecord]:
    found = SqlSavings(records, eligible_in).explain(figure, Period(organisation=organisation))
    return [each async for each in found]


async def test_R61_adoption_is_explained_by_each_holders_first_unlock_and_the_last_imports(
    story: Database,
) -> None:
    report = await savings(story)
    users, eligible = await explain(story, Figure.USERS), await explain(story, Figure.ELIGIBLE)

    assert len(users) == sum(each.users for each in report.adoption)
    assert [(each.session_id, each.ce_id, each.words) for each in eligible] == [
        ("X26", "i-3", "X26 41 eligible"),
        ("Z99", "i-4", "Z99 10 eligible"),
    ]
    assert [each.ce_id for each in await explain(story, Figure.ELIGIBLE, "Z99")] == ["i-4"]


async def test_stages_are_explained_by_where_each_session_first_came_to_them(story: Database) -> None:
    read = card_gateway_events_pb2.CardRead(session_id="s-0")
    at = {1: OCTOBER, 2: NOON, 3: NOON + HOUR}
    await keep(
        story,
        [
            message(read, ce_id=f"r-{n}", offset=100 + n, relayseq=100 + n, time=at[n], key=key)
            for n, key in ((3, "s-b"), (1, "s-a"), (2, "s-b"))
        ],
    )
    explained = await explain(story, Figure.STAGES)
    (counted,) = [each.sessions for each in (await savings(story)).stages if each.name == "Smartcard read"]

    assert [(each.ce_id, each.words) for each in explained] == [
        ("r-1", "Smartcard read"),
        ("r-2", "Smartcard read"),
    ]
    assert await explain(story, Figure.STAGES, "X26") == []
    assert counted == len(explained)


async def test_the_report_crosses_the_wire_whole(story: Database) -> None:
    answer = await AuditServicer(reading(story), no_cards(story)).GetSavings(
        audit_pb2.GetSavingsRequest(), None
    )

    assert (answer.saved.unlocks, answer.net_minutes, answer.ra_minutes) == (4, 68, 20)
    assert [group.value for group in answer.by_month] == ["2026-10", "2026-11", "2026-12"]
    assert answer.adoption[0].minutes_to_be_had == 2400
    assert answer.stages[-1].sessions == 6


async def test_a_report_of_nothing_is_zeros(records: Database) -> None:
    found = await savings(records)

    assert (found.net_minutes, found.ra_minutes, found.adoption) == (0, 0, ())
    assert {stage.sessions for stage in found.stages} == {0}
