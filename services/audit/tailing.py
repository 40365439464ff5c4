"""Reads the topics of events as they are: outside any group, committing nothing, storing nothing.

The right to read them is all it needs; the certificate of `audit store` has it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition

from services.audit.consumer import TOPICS
from services.runtime.brokers import Brokers, client_options
from services.runtime.cloud_events import Received, Unreadable, received

BATCH = 2_000

SKEW = timedelta(minutes=5)
"""How far the clocks of two processes may be apart."""

REPEATS = 10_000
"""Ids kept in order to tell an event once: more than a relay can send again."""


class Tail:
    """Events of one session, or of all, each once."""

    def __init__(self, consumer: AIOKafkaConsumer, session_id: str = "") -> None:
        self._consumer = consumer
        self._session_id = session_id.encode()
        self._told: dict[str, None] = {}

    async def so_far(self) -> list[Received]:
        """Return what the topics hold of the session now, in the order it happened."""
        ends = await self._consumer.end_offsets(list(self._consumer.assignment()))
        await self._to_the_beginning()
        found = [event async for event in self._until(ends)]
        return sorted(found, key=lambda event: (event.time, event.ce_id))

    async def from_now(self) -> AsyncIterator[Received]:
        """Give what comes, for ever."""
        while True:
            for event in await self._more():
                yield event

    async def _to_the_beginning(self) -> None:
        """Go to where the session can begin: a UUIDv7 says when it was made."""
        partitions = list(self._consumer.assignment())
        made = made_at(self._session_id.decode())
        offsets = {}
        if made is not None:
            since = int((made - SKEW).timestamp() * 1000)
            offsets = await self._consumer.offsets_for_times(dict.fromkeys(partitions, since))
        begins = await self._consumer.beginning_offsets(partitions)
        ends = await self._consumer.end_offsets(partitions)
        for at in partitions:
            later = offsets.get(at)
            self._consumer.seek(at, later.offset if later else ends[at] if made else begins[at])

    async def _until(self, ends: dict[TopicPartition, int]) -> AsyncIterator[Received]:
        while any([await self._consumer.position(at) < end for at, end in ends.items()]):
            for event in await self._more():
                yield event

    async def _more(self) -> list[Received]:
        batches = await self._consumer.getmany(timeout_ms=500, max_records=BATCH)
        events = [self._wanted(record) for records in batches.values() for record in records]
        return [event for event in events if event and self._first_time(event)]

    def _wanted(self, record: "ConsumerRecord[bytes, bytes]") -> Received | None:
        value = record.value or b""
        if self._session_id not in (record.key or b"") and self._session_id not in value:
            return None
        with suppress(Unreadable):
            return received(record.topic, record.partition, record.offset, record.headers, value)
        return None

    def _first_time(self, event: Received) -> bool:
        if event.ce_id in self._told:
            return False
        self._told[event.ce_id] = None
        if len(self._told) > REPEATS:
            del self._told[next(iter(self._told))]
        return True


@asynccontextmanager
async def opened(brokers: Brokers, session_id: str, seconds: float) -> AsyncIterator[Tail]:
    """Open the topics at their ends, within so many seconds. Raises KafkaError, OSError or TimeoutError."""
    consumer = AIOKafkaConsumer(
        *TOPICS,
        **client_options(brokers),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="latest",
        request_timeout_ms=5000,
    )
    try:
        async with asyncio.timeout(seconds):
            await consumer.start()
            await consumer.seek_to_end()
        yield Tail(consumer, session_id)
    finally:
        await consumer.stop()


def made_at(session_id: str) -> datetime | None:
    """Return when a UUIDv7 was made (RFC 9562); None for another name."""
    try:
        parsed = UUID(session_id)
    except ValueError:
        return None
    return datetime.fromtimestamp((parsed.int >> 80) / 1000, UTC) if parsed.version == 7 else None
