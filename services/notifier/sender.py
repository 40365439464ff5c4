"""The loop that sends: takes what is due, a few at a time, for as long as the process runs."""

import asyncio
from contextlib import suppress

from services.notifier.domain.delivery import Delivery
from services.notifier.ports import Fates, Unreachable
from services.notifier.use_cases import Deliveries
from services.runtime import logs
from services.runtime.database import TransientDatabaseError

AT_ONCE = 8
"""Conversations with the mail service."""

IDLE_SECONDS = 1.0
"""How long a message that became due by time may wait to be seen."""

SWEEP_SECONDS = 3600.0

FOLLOW_SECONDS = 10.0

log = logs.logger("notifier.sender")


class Sender:
    """Sends due deliveries; a fault of one is no fault of another."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Send until cancelled."""
        await self._release()
        try:
            while True:
                try:
                    await self._turn()
                except TransientDatabaseError:
                    log.warning("sender_waits")
                    await asyncio.sleep(IDLE_SECONDS)
        finally:
            # What is under way may be accepted already: let it be stored.
            if self._under_way:
                await asyncio.wait(self._under_way, timeout=5)

    async def sweep(self) -> None:
        """Delete what need not be kept, again and again, until cancelled."""
        while True:
            with suppress(TransientDatabaseError):
                log.info("deliveries_swept", deliveries=await self._deliveries.sweep())
            await asyncio.sleep(SWEEP_SECONDS)

    async def follow(self, service: str, fates: Fates) -> None:
        """Ask what became of mails, again and again, until cancelled."""
        while True:
            with suppress(TransientDatabaseError, Unreachable):
                await self._deliveries.follow(service, fates)
            await asyncio.sleep(FOLLOW_SECONDS)

    async def _turn(self) -> None:
        self._deliveries.queued.clear()
        free = AT_ONCE - len(self._under_way)
        claimed = await self._deliveries.claim(free) if free else []
        for delivery in claimed:
            task = asyncio.create_task(self._send(delivery))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        if not free:
            await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
        elif not claimed:
            with suppress(TimeoutError):
                async with asyncio.timeout(IDLE_SECONDS):
                    await self._deliveries.queued.wait()

    async def _send(self, delivery: Delivery) -> None:
        try:
            await self._deliveries.send(delivery)
        except TransientDatabaseError:
            # Its claim runs out, and the same mail goes again.
            log.warning("delivery_not_stored", message=delivery.message_id)
        except Exception as error:
            log.error("delivery_failed", message=delivery.message_id, cause=type(error).__name__)

    async def _release(self) -> None:
        while True:
            try:
                return await self._deliveries.release()
            except TransientDatabaseError:
                log.warning("sender_waits")
                await asyncio.sleep(IDLE_SECONDS)
