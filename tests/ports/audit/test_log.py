"""The Merkle log on SQLite and PostgreSQL: one place for each record, for ever, and proofs of it."""

import asyncio
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

import pytest
from smartcard_unlock.audit.v1 import audit_events_pb2
from sqlalchemy import Table, select, update
from sqlalchemy.exc import DBAPIError

from services.audit.domain import merkle
from services.audit.domain.leaf import leaf_of
from services.audit.domain.log import NotReady
from services.audit.domain.merkle import hash_leaf
from services.audit.events import sequenced_in
from services.audit.log_storage import read_tile
from services.audit.ports import StoreBusy
from services.audit.receipts import Proofs, SqlReceipts
from services.audit.tables import HEADS, LEAVES, OUTBOX, RECORDS, TILES, UNSEQUENCED
from services.runtime.database import Database
from tests.ports.audit.log import (
    KEY,
    append_all,
    grow,
    keep,
    log_of,
    messages,
    parts_of,
    receipt_of,
    sequencer_of,
)
from tests.unit.audit.outcomes import message, outcome
from tests.unit.audit.proofs import consistent, included


async def rows(records: Database, table: Table) -> Sequence[Any]:
    async with records.read() as connection:
        return (await connection.execute(select(table).order_by(*table.primary_key.columns))).all()


async def test_D1_every_record_gets_one_place_without_a_gap_and_its_bytes_are_the_leaf(
    records: Database,
) -> None:
    sent = messages(0, 700)
    await keep(records, sent)
    await keep(records, sent[::-1])
    count = await append_all(sequencer_of(records))

    leaves = await rows(records, LEAVES)
    assert count == 700
    assert [leaf.leaf_index for leaf in leaves] == list(range(700))
    assert {leaf.ce_id for leaf in leaves} == {record.ce_id for record in await rows(records, RECORDS)}
    assert await rows(records, UNSEQUENCED) == []
    leaf, index, proof, size, root = parts_of((await _signed(records, "s-431")).text)
    assert leaf.endswith(sent[431].body)
    assert hash_leaf(leaf) == leaves[index].leaf_hash
    assert included(index, size, hash_leaf(leaf), proof, root)


async def _signed(records: Database, session_id: str) -> Any:
    await sequencer_of(records).sign()
    return await receipt_of(records, session_id)


async def test_what_is_not_a_record_gets_no_place(records: Database) -> None:
    anonymous = outcome(session_id="s-anonymous")
    anonymous.ClearField("actor")
    await keep(records, [message(b"\xff", offset=0), message(anonymous, ce_id="e-x", offset=1)])

    assert await append_all(sequencer_of(records)) == 0
    assert await SqlReceipts(records).receipt("s-anonymous") == NotReady.NOT_RECORDED


async def test_two_sequencers_at_once_give_each_place_once(records: Database) -> None:
    await keep(records, messages(0, 1200))

    async def number() -> None:
        sequence = sequencer_of(records)
        for _ in range(200):
            try:
                if await sequence.append() == 0:
                    return
            except StoreBusy:
                await asyncio.sleep(0.01)

    await asyncio.gather(number(), number())

    leaves = await rows(records, LEAVES)
    assert [leaf.leaf_index for leaf in leaves] == list(range(1200))
    assert len({leaf.ce_id for leaf in leaves}) == 1200
    fresh, used = sequencer_of(records), sequencer_of(records)
    assert await used.sign()
    assert not await fresh.sign()
    edge = merkle.RightEdge()
    for leaf in leaves:
        edge.append(leaf.leaf_hash)
    (head,) = await rows(records, HEADS)
    assert (head.size, head.root) == (1200, edge.root())


async def test_a_transaction_that_was_lost_leaves_no_trace_in_memory(records: Database) -> None:
    sequence = sequencer_of(records)
    await keep(records, messages(0, 10))
    await sequence.append()
    await keep(records, messages(10, 10))
    with pytest.raises(RuntimeError):
        async with log_of(records).begin("test.lost") as work:
            waiting = await work.waiting(500)
            await work.append(10, waiting, [b"x" * 32] * 10, [])
            raise RuntimeError
    await sequence.append()
    await sequence.sign()

    leaf, index, proof, size, root = parts_of((await receipt_of(records, "s-15")).text)
    assert included(index, size, hash_leaf(leaf), proof, root)


async def test_I13_every_old_head_is_consistent_with_the_newest(records: Database) -> None:
    sizes, total = (1, 2, 254, 3, 252, 60, 700), 0
    for count in sizes:  # a new process each time
        await grow(records, total, count)
        total += count

    heads = await rows(records, HEADS)
    assert len(heads) == len(sizes)
    async with records.read() as connection:
        for head in heads:
            proof = await Proofs(connection, heads[-1]).consistency(head.size)
            assert consistent(head.size, total, head.root, heads[-1].root, proof)


async def test_P11_a_proof_reads_at_most_three_tiles_and_each_leaf_is_proven(records: Database) -> None:
    await grow(records, 0, 1030)
    (head,) = await rows(records, HEADS)
    leaves = await rows(records, LEAVES)

    async with records.read() as connection:
        for index in (*range(0, 1030, 37), 255, 256, 1023, 1024, 1029):
            proofs = Proofs(connection, head)
            assert included(index, 1030, leaves[index].leaf_hash, await proofs.inclusion(index), head.root)
            assert proofs.tiles_read <= 3
        assert len(await read_tile(connection, 0, 4)) == 6
        assert len(await read_tile(connection, 1, 0)) == 4
    assert len(await rows(records, TILES)) == 4


async def test_a_receipt_is_the_session_s_last_word_and_says_when_it_is_not_ready(records: Database) -> None:
    receipts = SqlReceipts(records)
    seen: list[object] = [await receipts.receipt("s-0")]
    await keep(records, messages(0, 1))
    seen.append(await receipts.receipt("s-0"))
    sequence = sequencer_of(records)
    await sequence.append()
    seen.append(await receipts.receipt("s-0"))
    await sequence.sign()

    assert seen == [NotReady.NOT_RECORDED, NotReady.NOT_SIGNED, NotReady.NOT_SIGNED]
    assert (await receipt_of(records, "s-0")).index == 0


async def test_a_head_is_signed_only_where_the_log_has_grown(records: Database) -> None:
    sequence = sequencer_of(records)
    signed = [await sequence.sign()]
    await keep(records, messages(0, 3))
    await sequence.append()
    signed += [await sequence.sign(), await sequence.sign(), await sequencer_of(records).sign()]

    assert signed == [False, True, False, False]


async def test_a_signed_head_is_a_note_that_anybody_can_verify(records: Database) -> None:
    await grow(records, 0, 5)
    (head,) = await rows(records, HEADS)

    text, _, signature = head.note.rpartition("\n\n")
    name, encoded = signature.removeprefix("— ").split()
    assert text.split("\n")[:2] == ["test.example.org/audit", "5"]
    assert name == "test.example.org/audit"
    raw = b64decode(encoded)
    KEY.public_key().verify(raw[4:], f"{text}\n".encode())


async def test_I6_what_is_told_is_what_is_stored_in_the_order_of_the_log(records: Database) -> None:
    await grow(records, 0, 600)

    told = [row for row in await rows(records, OUTBOX) if row.topic == "audit.records.v1"]
    heads = [row for row in await rows(records, OUTBOX) if row.topic == "audit.heads.v1"]
    sequenced = [audit_events_pb2.RecordSequenced.FromString(row.value) for row in told]
    leaves = await rows(records, LEAVES)
    assert [one.leaf_index for one in sequenced] == list(range(600))
    assert [hash_leaf(leaf_of(sequenced_in(one))) for one in sequenced] == [leaf.leaf_hash for leaf in leaves]
    assert [audit_events_pb2.HeadSigned.FromString(row.value).tree_size for row in heads] == [600]


@pytest.mark.parametrize("table", [LEAVES, TILES, HEADS], ids=str)
@pytest.mark.parametrize("act", ["update", "delete"])
async def test_S46_the_log_cannot_be_changed(records: Database, table: Table, act: str) -> None:
    await grow(records, 0, 256)
    column = next(iter(table.primary_key.columns))
    change: Any = update(table).values({column: column}) if act == "update" else table.delete()

    with pytest.raises(DBAPIError, match="append-only"):
        async with records.begin("test.change") as connection:
            await connection.execute(change)
