"""The store of records on SQLite and PostgreSQL: once, append-only, with a ledger."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from smartcard_unlock.common.v1 import common_pb2
from sqlalchemy import Table, delete, insert, inspect, select, text, update
from sqlalchemy.exc import DBAPIError

from services.audit.consumer import read
from services.audit.domain.ledger import Run, runs
from services.audit.domain.record import Message, Record, SetAside
from services.audit.ports import Batch
from services.audit.reports import SqlReports
from services.audit.storage import SqlStore, open_read_only
from services.audit.tables import BODIES, LEDGER, METADATA, RECORDS, SET_ASIDE
from services.audit.use_cases import KeepRecords
from services.runtime.database import Database
from tests.fakes.clock import FakeClock
from tests.unit.audit.outcomes import NOON, SESSION, TOPIC, message, outcome

FAILED = common_pb2.OUTCOME_KIND_FAILED


def keeper(records: Database) -> KeepRecords:
    return KeepRecords(SqlStore(records, FakeClock(NOON)), read, FakeClock(NOON))


async def rows(records: Database, table: Table) -> Sequence[Any]:
    async with records.read() as connection:
        return (await connection.execute(select(table))).all()


async def test_D1_a_record_keeps_the_exact_bytes_and_its_columns(records: Database) -> None:
    sent = message(outcome(), offset=5)
    await keeper(records).keep([sent])

    (row,) = await rows(records, RECORDS)
    (body,) = await rows(records, BODIES)
    assert (body.ce_id, body.stored_us, body.body) == (row.ce_id, row.stored_us, sent.body)
    assert (row.session_id, row.kind, row.reason, row.route) == (SESSION, "SUCCESS", "LOCKED", "SELF")
    assert (row.topic, row.partition, row.kafka_offset) == (TOPIC, 0, 5)


async def test_I6_an_event_delivered_again_is_one_record(records: Database) -> None:
    again = [message(outcome(), offset=offset) for offset in (0, 1, 1, 2)]
    await keeper(records).keep(again)
    await keeper(records).keep(again)

    assert len(await rows(records, RECORDS)) == 1
    assert await rows(records, SET_ASIDE) == []
    assert await SqlReports(records).held() == [Run(TOPIC, 0, 0, 2)]


async def test_D1_one_record_for_each_kind_of_outcome_of_a_session(records: Database) -> None:
    await keeper(records).keep([message(outcome(), ce_id="e-1", offset=0)])
    await keeper(records).keep(
        [message(outcome(), ce_id="e-2", offset=1), message(outcome(kind=FAILED), ce_id="e-3", offset=2)]
    )

    assert sorted(row.ce_id for row in await rows(records, RECORDS)) == ["e-1", "e-3"]
    (aside,) = await rows(records, SET_ASIDE)
    assert (aside.cause, aside.kafka_offset) == ("REPEATED", 1)


async def test_repeats_do_not_stop_the_stream_and_poison_does(records: Database) -> None:
    store = SqlStore(records, FakeClock(NOON))
    sent = [message(outcome(), ce_id=f"e-{number}", offset=number) for number in range(20)]
    await keeper(records).keep(sent)
    before_poison = await store.set_aside_since(NOON.replace(hour=11))
    await keeper(records).keep([message(b"\xff", offset=20)])

    assert before_poison == 0
    assert await store.set_aside_since(NOON.replace(hour=11)) == 1


async def test_two_workers_that_store_the_same_agree(records: Database) -> None:
    sent = [
        message(outcome(session_id=f"s-{number}"), ce_id=f"e-{number}", offset=number)
        for number in range(200)
    ]
    await asyncio.gather(*(keeper(records).keep(sent if turn % 2 else sent[::-1]) for turn in range(6)))

    assert len(await rows(records, RECORDS)) == 200
    assert await rows(records, SET_ASIDE) == []


async def test_the_ledger_names_what_is_missing(records: Database) -> None:
    store = SqlStore(records, FakeClock(NOON))
    for offsets in ((0, 1, 2), (2, 3), (7, 8), (10,), (1, 8)):
        stored = [message(outcome(), offset=offset).origin for offset in offsets]
        await store.store(Batch((), (), tuple(runs(stored))))

    assert await SqlReports(records).gaps() == [Run(TOPIC, 0, 4, 6), Run(TOPIC, 0, 9, 9)]


@pytest.mark.parametrize("table", [RECORDS, BODIES, SET_ASIDE, LEDGER], ids=str)
@pytest.mark.parametrize("act", ["update", "delete"])
async def test_S46_what_is_stored_cannot_be_changed(records: Database, table: Table, act: str) -> None:
    await keeper(records).keep([message(outcome()), message(b"\xff", offset=1)])
    change = update(table).values(stored_us=0) if act == "update" else delete(table)

    with pytest.raises(DBAPIError, match="append-only"):
        async with records.begin("test.change") as connection:
            await connection.execute(change)


async def test_S46_postgresql_truncates_nothing(records: Database) -> None:
    if not records.is_postgresql:
        return
    with pytest.raises(DBAPIError, match="append-only"):
        async with records.begin("test.truncate") as connection:
            await connection.execute(text("TRUNCATE records"))


async def test_the_reader_cannot_write(records: Database, url: str) -> None:
    reader = open_read_only(url)
    row = {"topic": "t", "partition": 0, "first_offset": 0, "last_offset": 0, "stored_us": 0}
    try:
        with pytest.raises(DBAPIError, match=r"read-?only"):
            async with reader.begin("test.write") as connection:
                await connection.execute(insert(LEDGER), row)
    finally:
        await reader.close()


async def test_F25_everything_that_can_be_read_can_be_stored(records: Database) -> None:
    odd: list[Message] = [
        message(b"\x00" * 100, offset=0),
        message(outcome(code="C" * 64, organisation="~"), ce_id="e-1", offset=1),
        message(outcome(session_id="s-2"), ce_id="e-2", offset=2, relayseq=2**63 - 1),
    ]
    await keeper(records).keep(odd)

    kept = [read(item) for item in odd]
    assert len(await rows(records, RECORDS)) == sum(isinstance(item, Record) for item in kept) == 2
    assert len(await rows(records, SET_ASIDE)) == sum(isinstance(item, SetAside) for item in kept) == 1


async def test_the_migrations_make_the_tables_that_the_code_knows(records: Database) -> None:
    async with records.engine.connect() as connection:
        columns = await connection.run_sync(
            lambda sync: {
                table: {column["name"] for column in inspect(sync).get_columns(table)}
                for table in METADATA.tables
            }
        )

    assert columns == {name: set(table.columns.keys()) for name, table in METADATA.tables.items()}
