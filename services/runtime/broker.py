"""Consumers of topics: in order by partition, committed by hand, retried in place.

A handler that fails is run again with back-off while its partition is paused and the others
go on. What can never be read goes to `<topic>.dlq`; with ten there in an hour, the next one waits,
and all behind it, since then the fault is not in the messages.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from aiokafka import (
    AIOKafkaConsumer,
    AIOKafkaProducer,
    ConsumerRebalanceListener,
    ConsumerRecord,
    TopicPartition,
)
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from services.runtime import logs, tracing
from services.runtime.brokers import Brokers, client_options
from services.runtime.clock import Clock, SystemClock
from services.runtime.cloud_events import Received, Unreadable, received

DEAD_LETTERS = ".dlq"
"""Ends the name of the topic of what could never be read."""

DEAD_LETTERS_AN_HOUR = 10
"""Of one topic, by all replicas. Source: architecture §4."""

HOLD_SECONDS = 30.0
"""Between two looks whether the last hour has become calmer."""

LARGEST_DEAD_LETTER = 2**20 + 2**16
"""Bytes: a message of 1 MiB, and why it is dead. Source: `max.message.bytes` in deploy/k8s/topics.yaml."""

SESSION_TIMEOUT_MS = 10_000

log = logs.logger("broker")

Handler = Callable[[Received], Awaitable[None]]


class Consumer:
    """Hands each event of some topics to one handler, at least once, in order by key.

    The handler must be idempotent (inbox) and may raise anything: it is run again until it
    returns. Raise Unreadable for what no retry can mend.
    """

    def __init__(
        self,
        brokers: Brokers | str,
        group: str,
        topics: Sequence[str],
        handle: Handler,
        *,
        dead_letters: bool = True,
        clock: Clock | None = None,
    ) -> None:
        """`dead_letters`: False where what cannot be read is left out, and nobody misses it."""
        self._brokers = brokers
        self._group = group
        self._topics = topics
        self._handle = handle
        self._dead_letters = dead_letters
        self._clock = clock or SystemClock()
        self._at_work: dict[TopicPartition, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Consume until cancelled; outlive every outage of the broker."""
        while True:
            try:
                await self._consume()
            except (KafkaError, OSError) as error:
                log.warning("consumer_waits", group=self._group, cause=type(error).__name__)
                await asyncio.sleep(0.5 + random.random() / 2)  # noqa: S311 - jitter

    async def _consume(self) -> None:
        consumer = AIOKafkaConsumer(
            **client_options(self._brokers),
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=3_000,
            metadata_max_age_ms=10_000,
        )
        consumer.subscribe(list(self._topics), listener=_FinishFirst(self._at_work))
        try:
            await consumer.start()
            log.info("consumer_started", group=self._group)
            while True:
                self._raise_what_failed()
                batches = await consumer.getmany(timeout_ms=200, max_records=200)
                for partition, records in batches.items():
                    consumer.pause(partition)
                    self._at_work[partition] = asyncio.create_task(self._work(consumer, partition, records))
        finally:
            for task in self._at_work.values():
                task.cancel()
            await asyncio.gather(*self._at_work.values(), return_exceptions=True)
            self._at_work.clear()
            with suppress(KafkaError, TimeoutError):
                async with asyncio.timeout(5):
                    await consumer.stop()

    def _raise_what_failed(self) -> None:
        for partition, task in list(self._at_work.items()):
            if task.done():
                del self._at_work[partition]
                if not task.cancelled():
                    task.result()

    async def _work(
        self,
        consumer: AIOKafkaConsumer,
        partition: TopicPartition,
        records: Sequence[ConsumerRecord[bytes, bytes]],
    ) -> None:
        with suppress(CommitFailedError, IllegalStateError):
            for record in records:
                if not await self._take(record) or record is records[-1]:
                    await consumer.commit({partition: record.offset + 1})
            consumer.resume(partition)

    async def _take(self, record: ConsumerRecord[bytes, bytes]) -> bool:
        """Return True once it was handled, False once it was put aside: that is committed at once."""
        pause = 0.1
        while True:
            try:
                event = received(record.topic, record.partition, record.offset, record.headers, record.value)
                tracing.start(event.traceparent)
                await self._handle(event)
                return True
            except Unreadable as error:
                await self._put_aside(record, str(error))
                return False
            except Exception as error:
                log.warning(
                    "event_retried", topic=record.topic, offset=record.offset, cause=type(error).__name__
                )
            await asyncio.sleep(pause * (0.5 + random.random() / 2))  # noqa: S311 - jitter
            pause = min(pause * 2, 5.0)

    async def _put_aside(self, record: ConsumerRecord[bytes, bytes], cause: str) -> None:
        log.error("event_unreadable", topic=record.topic, offset=record.offset, cause=cause)
        if self._dead_letters:
            await self._wait_for_calm(record.topic)
            await self._dead_letter(record, cause)

    async def _wait_for_calm(self, topic: str) -> None:
        """Return once the last hour has room for one more dead letter, over restarts too."""
        while await self._dead_lately(topic) >= DEAD_LETTERS_AN_HOUR:
            log.error("too_many_dead_letters", topic=topic, limit_an_hour=DEAD_LETTERS_AN_HOUR)
            await asyncio.sleep(HOLD_SECONDS)

    async def _dead_lately(self, topic: str) -> int:
        since = self._clock.now() - timedelta(hours=1)
        return await count_since(self._brokers, topic + DEAD_LETTERS, since)

    async def _dead_letter(self, record: ConsumerRecord[bytes, bytes], cause: str) -> None:
        producer = AIOKafkaProducer(
            **client_options(self._brokers), acks="all", max_request_size=LARGEST_DEAD_LETTER
        )
        await producer.start()
        try:
            headers = [
                *record.headers,
                ("dlq_cause", cause.encode()),
                ("dlq_offset", str(record.offset).encode()),
            ]
            await producer.send_and_wait(
                record.topic + DEAD_LETTERS, record.value, key=record.key, headers=headers
            )
        finally:
            await producer.stop()


async def count_since(brokers: Brokers | str, topic: str, instant: datetime) -> int:
    """Count the messages of a topic from an instant on. Raises KafkaError or OSError."""
    consumer = AIOKafkaConsumer(
        topic, **client_options(brokers), group_id=None, enable_auto_commit=False, request_timeout_ms=5000
    )
    try:
        await consumer.start()
        partitions = list(consumer.assignment())
        ends = await consumer.end_offsets(partitions)
        found = await consumer.offsets_for_times(dict.fromkeys(partitions, int(instant.timestamp() * 1000)))
    finally:
        await consumer.stop()
    return sum(ends[at] - first.offset for at, first in found.items() if first is not None)


class _FinishFirst(ConsumerRebalanceListener):  # type: ignore[misc]
    """Before partitions go to another consumer, end the work on them."""

    def __init__(self, at_work: dict[TopicPartition, asyncio.Task[None]]) -> None:
        self._at_work = at_work

    async def on_partitions_revoked(self, revoked: list[TopicPartition]) -> None:
        tasks = [task for partition, task in self._at_work.items() if partition in revoked]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def on_partitions_assigned(self, assigned: list[TopicPartition]) -> None:
        return None
