"""Finds what Kafka says was taken and the ledger does not hold, and reads it again.

Two sorts of hole: between stored offsets, which the ledger sees alone, and before the group's
committed offset, which only the broker knows. Reading is by plain aiokafka and outside the group;
storing again what is there changes nothing, so any worker may repair at any time.
"""

from collections.abc import Awaitable, Callable, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.structs import ConsumerRecord

from services.audit.domain.ledger import Run, missing
from services.audit.domain.record import Message, Origin
from services.runtime.brokers import Brokers, client_options

Keep = Callable[[Sequence[Message]], Awaitable[None]]
Held = Callable[[], Awaitable[Sequence[Run]]]


async def find_missing(brokers: Brokers | str, group: str, topics: Sequence[str], held: Held) -> list[Run]:
    """Return what lies between a partition's oldest message and the group's offset and is not held.

    The ledger is asked last: what was committed by then was stored before.
    """
    committed = await _committed(brokers, group, topics)
    if not committed:
        return []
    consumer = await _reader(brokers)
    try:
        oldest = await consumer.beginning_offsets(list(committed))
    finally:
        await consumer.stop()
    wanted = [
        Run(at.topic, at.partition, oldest[at], end - 1) for at, end in committed.items() if end > oldest[at]
    ]
    return missing(wanted, await held())


async def read_again(brokers: Brokers | str, run: Run, keep: Keep) -> int:
    """Store a run of messages again; return how many the broker still had."""
    consumer = await _reader(brokers)
    at = TopicPartition(run.topic, run.partition)
    try:
        consumer.assign([at])
        end = min(run.last, (await consumer.end_offsets([at]))[at] - 1)
        consumer.seek(at, max(run.first, (await consumer.beginning_offsets([at]))[at]))
        count = 0
        while await consumer.position(at) <= end:
            records = (await consumer.getmany(at, timeout_ms=1000, max_records=500)).get(at, [])
            messages = [_message(record) for record in records if record.offset <= end]
            if messages:
                await keep(messages)
            count += len(messages)
        return count
    finally:
        await consumer.stop()


async def _committed(brokers: Brokers | str, group: str, topics: Sequence[str]) -> dict[TopicPartition, int]:
    admin = AIOKafkaAdminClient(**client_options(brokers))
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(group)
    except GroupCoordinatorNotAvailableError:
        return {}  # no group of this broker has ever committed anything
    finally:
        await admin.close()
    return {at: entry.offset for at, entry in offsets.items() if at.topic in topics and entry.offset > 0}


async def _reader(brokers: Brokers | str) -> AIOKafkaConsumer:
    consumer = AIOKafkaConsumer(**client_options(brokers), group_id=None, enable_auto_commit=False)
    await consumer.start()
    return consumer


def _message(record: "ConsumerRecord[bytes, bytes]") -> Message:
    origin = Origin(record.topic, record.partition, record.offset)
    return Message(origin, tuple(record.headers), record.key, record.value or b"")
