"""What a service has told, read back from its topic: is its database older than that?

The relay writes a number down before it sends it. So a number on the topic that is higher than the
highest written down was given by a database that is gone: this one was restored from an older copy.
A kill of the relay never looks like that, wherever it struck.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition

from services.runtime.broker import LARGEST_DEAD_LETTER
from services.runtime.brokers import Brokers, client_options
from services.runtime.cloud_events import Received, Unreadable, received
from services.runtime.outbox import BATCH

TAIL = 2 * BATCH
"""Messages looked at from the end of a partition: what a killed relay sends again is fewer."""

ASK_SECONDS = 10.0
"""How long the broker may take to show the ends of its partitions."""


async def highest_told(brokers: Brokers | str, topic: str, source: str) -> int:
    """Return the highest `relayseq` of this source that the topic still holds; 0 where it holds none.

    Raises KafkaError or OSError where the broker cannot be asked.
    """
    last = await last_told(brokers, topic, source)
    return _numbered(last)[1] if last else 0


async def last_told(brokers: Brokers | str, topic: str, source: str) -> "ConsumerRecord[bytes, bytes] | None":
    """Return the message of the highest `relayseq` of this source; None where the topic holds none.

    Raises KafkaError or OSError where the broker cannot be asked.
    """
    found = None
    async with asyncio.timeout(ASK_SECONDS), _reader(brokers, topic) as consumer:
        async for record in _records(consumer, tail=TAIL):
            teller, number = _numbered(record)
            if teller == source and (found is None or number > _numbered(found)[1]):
                found = record
    return found


async def read_back(brokers: Brokers | str, topic: str, source: str) -> list[Received]:
    """Return all that this source told and the topic still holds, by number, each number once.

    A message that cannot be read is left out, so that its number is missing. Raises KafkaError or OSError
    where the broker cannot be asked.
    """
    found = {event.relayseq: event async for event in every(brokers, topic, source)}
    return [found[number] for number in sorted(found)]


async def every(brokers: Brokers | str, topic: str, source: str) -> AsyncIterator[Received]:
    """Give all that this source told and the topic still holds, in order by key only, repeats included.

    A message that cannot be read is left out. Raises KafkaError or OSError where the broker cannot be asked.
    """
    async with _reader(brokers, topic) as consumer:
        async for record in _records(consumer):
            with suppress(Unreadable):
                if _numbered(record)[0] == source:
                    yield received(
                        record.topic, record.partition, record.offset, record.headers, record.value
                    )


async def every_record(brokers: Brokers | str, topic: str) -> AsyncIterator["ConsumerRecord[bytes, bytes]"]:
    """Give all that the topic holds now, as it lies there. Raises KafkaError or OSError."""
    async with _reader(brokers, topic) as consumer:
        async for record in _records(consumer):
            yield record


@asynccontextmanager
async def _reader(brokers: Brokers | str, topic: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of every partition, outside any group, that commits nothing."""
    consumer = AIOKafkaConsumer(
        topic,
        **client_options(brokers),
        max_partition_fetch_bytes=LARGEST_DEAD_LETTER,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        request_timeout_ms=5000,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


async def _records(
    consumer: AIOKafkaConsumer, tail: int | None = None
) -> AsyncIterator["ConsumerRecord[bytes, bytes]"]:
    """What is there now, or only so many messages at the end of each partition."""
    partitions = list(consumer.assignment())
    if not partitions:
        raise OSError("the topic has no partitions")
    begins, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
    for at in partitions:
        consumer.seek(at, begins[at] if tail is None else max(begins[at], ends[at] - tail))
    while await _is_short_of(consumer, ends):
        for records in (await consumer.getmany(timeout_ms=500, max_records=BATCH)).values():
            for record in records:
                yield record


async def _is_short_of(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> bool:
    return any([await consumer.position(at) < end for at, end in ends.items()])


def _numbered(record: "ConsumerRecord[bytes, bytes]") -> tuple[str, int]:
    """Source and number, out of the headers alone; 0 for what has none, which is not of a relay."""
    headers = dict(record.headers)
    try:
        return bytes(headers["ce_source"]).decode(), int(headers["ce_relayseq"])
    except (KeyError, ValueError):
        return "", 0
