"""`audit rebuild`: the records and the log again, from what the sequencer told. Quality F32.

Safe to run again, and on a log that is there in part: what is there must be the same. What was stored and
not yet told is read again by `audit repair`, as long as its topic keeps it.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from smartcard_unlock.audit.v1 import audit_events_pb2
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit import events
from services.audit.consumer import card_fact_in, outcome_in
from services.audit.domain.checkpoint import Head
from services.audit.domain.leaf import leaf_of
from services.audit.domain.merkle import RightEdge, hash_leaf
from services.audit.domain.record import Origin, Record
from services.audit.log_storage import add_head, size_of
from services.audit.ports import SignedHead
from services.audit.roll_ups import touch
from services.audit.storage import body_row, insert_new, microseconds, record_row
from services.audit.tables import BODIES, HEADS, LEAVES, OUTBOX_POSITION, RECORDS, TILES
from services.runtime import told
from services.runtime.brokers import Brokers
from services.runtime.database import Database
from services.runtime.timestamps import instant_of

BATCH = 500


class NotTheSame(Exception):
    """The topics and the database, or the topics themselves, tell of two different logs; says where."""


@dataclass(frozen=True)
class Rebuilt:
    """What stands now."""

    records: int
    heads: int
    missing: int
    """Records that heads cover and the topic does not hold any more, or not yet."""


async def rebuild(database: Database, brokers: Brokers | str) -> Rebuilt:
    """Read both topics and store what is not there. Raises NotTheSame, KafkaError, OSError."""
    async with database.read() as connection:
        there = await size_of(connection)
    size, told_records = await _whole_beginning(brokers, there)
    batch: list[audit_events_pb2.RecordSequenced] = []
    async for _, message in _sequenced(brokers):
        if message.leaf_index < size:
            batch.append(message)
        if len(batch) == BATCH:
            await _store(database, batch)
            batch.clear()
    await _store(database, batch)
    heads = await _heads(brokers)
    async with database.begin("audit.rebuild.heads") as connection:
        kept = await _grow(connection, size, heads)
        numbers = {
            events.RECORDS_TOPIC: told_records,
            events.HEADS_TOPIC: max((n for n, _ in heads), default=0),
        }
        await _move_positions(connection, numbers)
    largest = max((head.tree_size for _, head in heads), default=0)
    return Rebuilt(size, kept, max(0, largest - size))


async def _whole_beginning(brokers: Brokers | str, there: int) -> tuple[int, int]:
    """Return up to where database and topic have every place, and the highest number that was told.

    The topic keeps 400 days: what is older has to be there, from a copy of the database.
    """
    seen, highest = bytearray(b"\1" * there), 0
    async for number, message in _sequenced(brokers):
        highest = max(highest, number)
        place = message.leaf_index
        seen.extend(bytes(max(0, place + 1 - len(seen))))
        seen[place] = 1
    gap = seen.find(0)
    return (len(seen) if gap < 0 else gap), highest


async def _store(database: Database, batch: Sequence[audit_events_pb2.RecordSequenced]) -> None:
    """Store records and their places. Raises NotTheSame where another record has a place of theirs."""
    if not batch:
        return
    leaves = {
        message.leaf_index: (message.ce_id, hash_leaf(leaf_of(events.sequenced_in(message))))
        for message in batch
    }
    async with database.begin("audit.rebuild.records") as connection:
        await _store_records(connection, {message.ce_id: message for message in batch})
        places = [
            {"leaf_index": place, "ce_id": ce_id, "leaf_hash": leaf_hash}
            for place, (ce_id, leaf_hash) in sorted(leaves.items())
        ]
        await insert_new(connection, LEAVES, places)
        await touch(connection, sorted(message.ce_id for message in batch))
        there = select(LEAVES).where(LEAVES.c.leaf_index.in_(leaves))
        found = {row.leaf_index: (row.ce_id, bytes(row.leaf_hash)) for row in await connection.execute(there)}
    for place, leaf in leaves.items():
        if found.get(place) != leaf:
            raise NotTheSame(f"place {place}")


async def _store_records(
    connection: AsyncConnection, batch: dict[str, audit_events_pb2.RecordSequenced]
) -> None:
    """Store what is not there, with its body; what is there keeps its own, or has none any more."""
    known = select(RECORDS.c.ce_id).where(RECORDS.c.ce_id.in_(batch))
    there = set((await connection.scalars(known)).all())
    new = [
        (_record(message), _stored_us(message))
        for ce_id, message in sorted(batch.items())
        if ce_id not in there
    ]
    await insert_new(connection, RECORDS, [record_row(*each) for each in new])
    await insert_new(connection, BODIES, [body_row(*each) for each in new])


def _stored_us(message: audit_events_pb2.RecordSequenced) -> int:
    return microseconds(instant_of(message.stored_at))


def _record(message: audit_events_pb2.RecordSequenced) -> Record:
    return Record(
        ce_id=message.ce_id,
        ce_type=message.ce_type,
        source=message.source,
        subject=message.subject,
        occurred_at=instant_of(message.occurred_at),
        relayseq=message.relayseq,
        traceparent=message.traceparent,
        origin=Origin(message.topic, message.partition, message.offset),
        body=message.body,
        outcome=outcome_in(message.ce_type, message.body),
        card_fact=card_fact_in(message.ce_type, message.source, message.body),
    )


async def _grow(
    connection: AsyncConnection, size: int, heads: Sequence[tuple[int, audit_events_pb2.HeadSigned]]
) -> int:
    """Make tiles anew and keep each head whose root is the tree's. Raises NotTheSame."""
    edge, kept = RightEdge(), 0
    for _, head in heads:
        if head.tree_size > size:
            break
        await _append(connection, edge, head.tree_size)
        if edge.root() != head.root:
            raise NotTheSame(f"head of {head.tree_size} records")
        known = select(HEADS.c.note).where(HEADS.c.size == head.tree_size)
        if await connection.scalar(known) is None:
            signed = Head(head.tree_size, head.root, head.note)
            await add_head(connection, SignedHead(signed, instant_of(head.signed_at)), edge.peaks())
        kept += 1
    await _append(connection, edge, size)
    return kept


async def _append(connection: AsyncConnection, edge: RightEdge, size: int) -> None:
    while edge.size < size:
        chosen = select(LEAVES.c.leaf_hash).where(
            LEAVES.c.leaf_index >= edge.size, LEAVES.c.leaf_index < min(size, edge.size + BATCH)
        )
        tiles = []
        for leaf_hash in (await connection.scalars(chosen.order_by(LEAVES.c.leaf_index))).all():
            tiles += edge.append(bytes(leaf_hash))
        rows = [
            {"level": each.level, "number": each.number, "root": each.root, "hashes": b"".join(each.hashes)}
            for each in tiles
        ]
        await insert_new(connection, TILES, rows)


async def _move_positions(connection: AsyncConnection, numbers: dict[str, int]) -> None:
    """Go on numbering where the lost log ended, so that a consumer sees neither gap nor repeat."""
    position = OUTBOX_POSITION
    for topic, number in numbers.items():
        before = await connection.scalar(select(position.c.relayseq).where(position.c.topic == topic))
        if before is None and number:
            await connection.execute(insert(position).values(topic=topic, relayseq=number))
        elif before is not None and before < number:
            await connection.execute(
                update(position).where(position.c.topic == topic).values(relayseq=number)
            )


async def _sequenced(brokers: Brokers | str) -> AsyncIterator[tuple[int, audit_events_pb2.RecordSequenced]]:
    async for event in told.every(brokers, events.RECORDS_TOPIC, events.SOURCE):
        yield event.relayseq, event.parse(audit_events_pb2.RecordSequenced)


async def heads_told(brokers: Brokers | str) -> AsyncIterator[tuple[int, audit_events_pb2.HeadSigned]]:
    """Give every head of the topic with its number, repeats included. Raises KafkaError, OSError."""
    async for event in told.every(brokers, events.HEADS_TOPIC, events.SOURCE):
        yield event.relayseq, event.parse(audit_events_pb2.HeadSigned)


async def _heads(brokers: Brokers | str) -> list[tuple[int, audit_events_pb2.HeadSigned]]:
    """Return each head once, the smallest first. Raises NotTheSame where there are two of one size."""
    found = dict[int, tuple[int, audit_events_pb2.HeadSigned]]()
    async for number, head in heads_told(brokers):
        _, known = found.get(head.tree_size, (0, head))
        if known.note != head.note:
            raise NotTheSame(f"two heads of {head.tree_size} records")
        found[head.tree_size] = number, head
    return [found[size] for size in sorted(found)]
