"""Faust, kept to the one thing that it does safely here: hand over raw batches until they are stored.

Why so narrow (measured on faust-streaming 0.15.3): a message is acknowledged even when the
agent's body raised or was cancelled, and `exactly_once` leaves sinks outside its transaction. So:
at_least_once, raw bytes, one actor, no table, no sink; a batch is acknowledged only after it was
committed; and a body that ends, for whatever reason, ends the process before anything else can be
acknowledged. Offsets are Kafka's to keep; what is stored is the ledger's to prove.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import faust

from services.audit.domain.record import Message, Origin
from services.runtime import faults, logs
from services.runtime.brokers import Brokers

BATCH = 500
"""Messages a commit. Source: quality P10."""

WITHIN_SECONDS = 0.25
"""How long a batch may wait to fill. Nothing is read while one is stored: short waits make small batches."""

COMMIT_SECONDS = 0.5
"""How often Kafka hears which offsets are done: what a new worker gets again at most."""

SESSION_SECONDS = 10.0
"""After which the partitions of a dead worker go to another."""

POLL_SECONDS = 86_400.0
"""A worker whose database is away stops polling; it must keep its partitions all the same."""

STOP_SECONDS = 3.0
"""For leaving the group in order. A stop in the middle of a rebalance would wait for its end."""

log = logs.logger("audit.stream")

Keep = Callable[[Sequence[Message]], Awaitable[None]]
Calm = Callable[[], Awaitable[None]]


class StreamEnded(Exception):
    """The stream's body ended while the process was not stopping: start anew from Kafka's offsets."""


async def run_stream(
    brokers: Brokers | str, topics: Sequence[str], group: str, keep: Keep, calm: Calm, worker: str = ""
) -> None:
    """Store every message of the topics until cancelled. Raises StreamEnded.

    `worker` names this worker for as long as its place exists, over restarts (Kafka's static
    membership): a killed one that is back has its partitions at once. Empty: no name.
    """
    with tempfile.TemporaryDirectory(prefix="audit-store-") as folder:
        app = build_app(brokers, group, Path(folder), worker)
        ended = asyncio.Event()
        channel = app.topic(*topics, schema=HeldMessages())
        app.agent(channel, name="store", concurrency=1)(_body(keep, calm, ended))
        try:
            await app.start()
            log.info("stream_started", group=group)
            await _until_first(ended.wait(), app.wait_until_stopped())
            raise StreamEnded
        finally:
            await asyncio.shield(_stop(app))


def build_app(brokers: Brokers | str, group: str, folder: Path, worker: str = "") -> Any:
    """Return the Faust application; `folder` is temporary: there are no tables to keep in it."""
    brokers = Brokers(brokers) if isinstance(brokers, str) else brokers
    context = brokers.context()
    return faust.App(
        group,
        broker=";".join(f"aiokafka://{server}" for server in brokers.bootstrap_servers.split(",")),
        broker_credentials=faust.SSLCredentials(context) if context else None,
        datadir=str(folder),
        store="memory://",
        processing_guarantee="at_least_once",
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=worker or None,
        broker_session_timeout=SESSION_SECONDS,
        broker_heartbeat_interval=SESSION_SECONDS / 3,
        broker_max_poll_interval=POLL_SECONDS,
        broker_commit_interval=COMMIT_SECONDS,
        stream_buffer_maxsize=2 * BATCH,
        # A worker whose database is away must not hold up the others' rebalance; what it stores
        # later is stored twice, which changes nothing.
        stream_wait_empty=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        autodiscover=False,
    )


class HeldMessages(faust.Schema[Any, Any]):
    """Raw bytes, and a second reference to each message, which only the stream's body gives back.

    Faust acknowledges by itself what it skips (messages that were under way when partitions
    moved) and what its iterators let go of. With one reference more than Faust knows of, none of
    that is the last one, so that nothing is committed but what the body has stored.
    """

    def loads_key(self, app: Any, message: Any, **_: Any) -> Any:
        """Return the key as it came, and hold the message."""
        message.incref()
        return message.key

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:
        """Return the value as it came."""
        return message.value


def _body(keep: Keep, calm: Calm, ended: asyncio.Event) -> Callable[[Any], Awaitable[None]]:
    async def store(stream: Any) -> None:
        if ended.is_set():
            # Faust starts an ended body anew on the same stream. What the first one held is lost to
            # this one, so an acknowledgement of what follows would commit a hole.
            return
        # noack_take puts back what it finds here when it ends; True would acknowledge unread events.
        stream.enable_acks = False
        try:
            async for events in stream.noack_take(BATCH, within=WITHIN_SECONDS):
                await keep([_message(event.message) for event in events])
                faults.reach("audit.store.before_ack")
                for event in events:
                    event.message.decref()  # the reference of HeldMessages
                    await stream.ack(event)
                await calm()
        except asyncio.CancelledError:
            log.warning("stream_cancelled")
            raise
        except Exception as error:
            log.error("stream_failed", cause=type(error).__name__)
        finally:
            ended.set()

    return store


def _message(raw: Any) -> Message:
    origin = Origin(raw.topic, raw.partition, raw.offset)
    return Message(origin, tuple(raw.headers or ()), raw.key, raw.value or b"")


async def _until_first(*waits: Awaitable[object]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _stop(app: Any) -> None:
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await app.stop()
    except Exception as error:
        log.warning("stream_stopped_badly", cause=type(error).__name__)
