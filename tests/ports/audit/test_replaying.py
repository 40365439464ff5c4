"""Messages that were set aside, taken again on SQLite and PostgreSQL."""

import asyncio
from dataclasses import replace

from sqlalchemy import func, select

from services.audit.consumer import read
from services.audit.domain.record import Message, Record, SetAside, SetAsideCause
from services.audit.replaying import Replayed, replay
from services.audit.storage import SqlStore
from services.audit.tables import RECORDS, SET_ASIDE
from services.audit.use_cases import KeepRecords
from services.runtime.database import Database
from tests.fakes.clock import FakeClock
from tests.ports.audit.log import append_all, keep, sequencer_of
from tests.ports.audit.test_commands import audit
from tests.unit.audit import outcomes
from tests.unit.audit.outcomes import NOON, outcome

GOOD = [
    outcomes.message(outcome(session_id=f"s-{n}"), ce_id=f"e-{n}", offset=n, key=f"s-{n}") for n in range(700)
]
POISON = [outcomes.message(b"\xff", ce_id=f"p-{n}", offset=800 + n) for n in range(3)]


STAYED: list[tuple[int, str]] = []


def read_nothing(message: Message) -> Record | SetAside:
    """As an older version that knows no such event."""
    return SetAside(message, SetAsideCause.UNREADABLE)


async def set_aside(records: Database, sent: list[Message]) -> None:
    await KeepRecords(SqlStore(records, FakeClock(NOON)), read_nothing, FakeClock(NOON)).keep(sent)


async def taken_again(records: Database) -> Replayed:
    keeper = KeepRecords(SqlStore(records, FakeClock(NOON)), read, FakeClock(NOON))
    return await replay(records, read, keeper.keep, lambda origin, why: STAYED.append((origin.offset, why)))


async def count(records: Database) -> tuple[int, int]:
    async with records.read() as connection:
        tables = [select(func.count()).select_from(table) for table in (RECORDS, SET_ASIDE)]
        found = [int(await connection.scalar(each) or 0) for each in tables]
    return found[0], found[1]


async def test_F25_what_a_newer_version_can_read_is_stored_whole_and_once(records: Database) -> None:
    STAYED.clear()
    await set_aside(records, GOOD + POISON)
    first, second = await taken_again(records), await taken_again(records)

    assert first == second == Replayed(700, 3)
    assert STAYED == [(800, "UNREADABLE"), (801, "UNREADABLE"), (802, "UNREADABLE")] * 2
    assert await count(records) == (700, 703)
    assert await append_all(sequencer_of(records)) == 700
    async with records.read() as connection:
        row = (await connection.execute(select(RECORDS).where(RECORDS.c.ce_id == "e-5"))).one()
    assert (row.session_id, row.kind, row.kafka_offset) == ("s-5", "SUCCESS", 5)


async def test_second_outcomes_are_left_where_they_are(records: Database) -> None:
    again = replace(GOOD[0], origin=replace(GOOD[0].origin, offset=9000))
    await keep(records, [GOOD[0], outcomes.message(outcome(session_id="s-0"), ce_id="other", offset=9001)])
    await set_aside(records, [again])

    assert await taken_again(records) == Replayed(1, 0)
    assert (await count(records))[0] == 1


async def test_a_second_outcome_of_a_kind_is_none_that_was_taken(records: Database) -> None:
    STAYED.clear()
    await set_aside(records, [GOOD[0]])
    await keep(records, [outcomes.message(outcome(session_id="s-0"), ce_id="first", offset=9001)])

    assert await taken_again(records) == Replayed(0, 1)
    assert STAYED == [(0, "REPEATED of record first")]
    assert await count(records) == (1, 1)


async def test_an_operator_sees_what_was_taken_and_what_is_left(records: Database, url: str) -> None:
    await set_aside(records, GOOD[:2] + POISON)
    some = await asyncio.to_thread(audit, "replay", AUDIT_DATABASE_URL=url)

    stays = [f"{outcomes.TOPIC} partition 0 offset {n} stays: UNREADABLE\n" for n in (800, 801, 802)]
    told = "2 messages that were set aside are records; 3 still are not\n"
    assert (some.returncode, some.stdout) == (1, "".join([*stays, told]))
