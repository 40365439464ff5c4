"""The sequencer's loop: one at a time, never on a copy that is older than what was told.

A log that was restored from an older copy would sign a second head of a size that was signed before: a
fork, which nobody could tell from a forgery. So it looks first, at the topics and at the folder of heads;
and what it reads anew of the tree must lead to the newest head.
"""

import asyncio

from aiokafka.errors import KafkaError
from google.protobuf.message import DecodeError
from smartcard_unlock.audit.v1 import audit_events_pb2
from sqlalchemy import select

from services.audit.events import HEADS_TOPIC, RECORDS_TOPIC, SOURCE
from services.audit.heads_file import HeadsFolder
from services.audit.ports import Log, StoreBusy
from services.audit.sequencing import NotWhatWasSigned, SequenceRecords
from services.audit.tables import OUTBOX_POSITION
from services.runtime import logs, told
from services.runtime.brokers import Brokers
from services.runtime.database import Database, TransientDatabaseError
from services.runtime.lease import Lease, NotLeader

SIGN_EVERY = 1.0
"""Seconds between two heads, where there is something new. Source: architecture §4."""

IDLE_SECONDS = 0.25
"""How long a record may wait to be seen."""

LONGEST_PAUSE = 5.0

HEADS_AT_ONCE = 500

log = logs.logger("audit.sequencer")


class Sequencer:
    """Numbers and signs for as long as it runs."""

    def __init__(
        self,
        database: Database,
        brokers: Brokers,
        sequence: SequenceRecords,
        stored: Log,
        folder: HeadsFolder | None,
    ) -> None:
        """`folder`: where heads are written once; None: nowhere but to their topic."""
        self._database = database
        self._brokers = brokers
        self._sequence = sequence
        self._log = stored
        self._folder = folder
        self._fresh = asyncio.Event()

    async def run(self) -> None:
        """Number and sign until cancelled; outlive every outage of database, broker and folder."""
        pause = 0.1
        while True:
            try:
                async with Lease(self._database, f"{SOURCE}.log"):
                    if await self._may_go_on():
                        log.info("sequencer_leads")
                        self._fresh.set()
                        pause = 0.1
                        await self._lead()
            except (StoreBusy, TransientDatabaseError, KafkaError, OSError) as error:
                log.warning("sequencer_waits", cause=type(error).__name__)
            except NotWhatWasSigned:
                log.error("log_is_not_what_was_signed")
                pause = LONGEST_PAUSE
            except NotLeader:
                pause = 1.0
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def may_lead(self) -> bool:
        """For the outbox relay: nothing leaves before this process knows that its log is the newest."""
        return self._fresh.is_set()

    async def _lead(self) -> None:
        signed_at = float("-inf")
        now = asyncio.get_running_loop().time
        while True:
            count = await self._sequence.append()
            if now() - signed_at >= SIGN_EVERY and await self._sequence.sign():
                signed_at = now()
                await self._write_heads()
            if not count:
                await asyncio.sleep(IDLE_SECONDS)

    async def _write_heads(self) -> None:
        """Bring the folder up to the log, however long it was away."""
        if self._folder is None:
            return
        last = await asyncio.to_thread(self._folder.last)
        size = last[0] if last else 0
        while heads := await self._log.heads_after(size, HEADS_AT_ONCE):
            await asyncio.to_thread(self._folder.add, heads)
            size = heads[-1].head.size

    async def _may_go_on(self) -> bool:
        last = await asyncio.to_thread(self._folder.last) if self._folder else None
        if last is not None:
            known_head = await self._log.head_at(last[0])
            if known_head is None or known_head.note != last[1]:
                log.error("log_is_not_that_of_its_heads", size=last[0])
                return False
        for topic in (HEADS_TOPIC, RECORDS_TOPIC):
            highest = await told.highest_told(self._brokers, topic, SOURCE)
            if highest > (known := await self._position(topic)):
                log.error("log_behind_what_it_told", topic=topic, told=highest, known=known)
                return False
        return await self._has_told_head()

    async def _has_told_head(self) -> bool:
        """Tell whether the newest head that was told is one of this log."""
        last = await told.last_told(self._brokers, HEADS_TOPIC, SOURCE)
        if last is None:
            return True
        try:
            head = audit_events_pb2.HeadSigned.FromString(last.value or b"")
        except DecodeError:
            head = audit_events_pb2.HeadSigned()
        known = await self._log.head_at(head.tree_size)
        if known is None or known.note != head.note:
            log.error("log_is_not_that_of_its_heads", size=head.tree_size)
            return False
        return True

    async def _position(self, topic: str) -> int:
        chosen = select(OUTBOX_POSITION.c.relayseq).where(OUTBOX_POSITION.c.topic == topic)
        async with self._database.read() as connection:
            return int(await connection.scalar(chosen) or 0)
