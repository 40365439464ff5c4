"""What notifier does: queue a message, send what is due, forget what is old."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.notifier.domain.delivery import (
    KEPT,
    NOTICE_LIFETIME,
    Change,
    Delivery,
    Template,
    Verdict,
    after_death,
    after_try,
    is_dead,
)
from services.notifier.ports import (
    AddressChanged,
    Addresses,
    CannotOpen,
    Mail,
    NoAddress,
    Opener,
    Refused,
    Store,
    Unreachable,
    Writer,
)
from services.runtime import logs
from services.runtime.clock import Clock
from services.runtime.randomness import Randomness

LONGEST_TRY = timedelta(seconds=20)
"""For one conversation with the mail service."""

CLAIMED = LONGEST_TRY + timedelta(seconds=10)
"""How long a worker may hold a delivery; then another sends it, as the same mail."""

log = logs.logger("notifier")


@dataclass(frozen=True)
class Parts:
    """What the use cases work with."""

    store: Store
    clock: Clock
    randomness: Randomness
    opener: Opener
    addresses: Addresses
    writer: Writer
    mail: Mail


@dataclass(frozen=True)
class Notice:
    """An unlock that its holder should hear of."""

    event_id: str
    session_id: str
    holder_ref: str
    address_version: int
    reason: str
    occurred_at: datetime


class Deliveries:
    """Every message to a holder goes through here."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.queued = asyncio.Event()
        """Set when there is something new to send."""

    async def take_code(self, event_id: str, code: Delivery) -> None:
        """Queue a sealed code; one that came too late is told dead at once."""
        async with self._parts.store.begin("notifier.take_code") as work:
            now = self._parts.clock.now()
            if not await work.first_time(event_id, now):
                return
            await work.add(code)
            if is_dead(code, now):
                ended, change = after_death(code, now)
                await work.replace(ended)
                await work.tell(ended, change)
        self.queued.set()

    async def take_notice(self, notice: Notice) -> None:
        """Queue the mail "was this you?"."""
        async with self._parts.store.begin("notifier.take_notice") as work:
            now = self._parts.clock.now()
            if await work.first_time(notice.event_id, now):
                await work.add(_delivery_of(notice, now))
        self.queued.set()

    async def claim(self, limit: int) -> Sequence[Delivery]:
        """Return what is due, held for this worker for a while."""
        now = self._parts.clock.now()
        async with self._parts.store.begin("notifier.claim") as work:
            return await work.claim(now, now + CLAIMED, limit)

    async def release(self) -> None:
        """Make due at once what this worker held when it died."""
        async with self._parts.store.begin("notifier.release") as work:
            await work.release()

    async def send(self, delivery: Delivery) -> None:
        """Try one delivery and store what came of it, together with its news.

        A crash between the two sends the same mail again: same Message-ID, same code.
        """
        verdict = None if is_dead(delivery, self._parts.clock.now()) else await self._try(delivery)
        await self._store(delivery, verdict)

    async def _store(self, delivery: Delivery, verdict: Verdict | None) -> None:
        async with self._parts.store.begin("notifier.store_try") as work:
            now = self._parts.clock.now()
            after, change = self._judge(delivery, verdict, now)
            if await work.replace(after) and change:
                await work.tell(after, change)
        log.info("delivery_tried", message=delivery.message_id, verdict=verdict or "DEAD", tries=after.tries)

    def _judge(
        self, delivery: Delivery, verdict: Verdict | None, now: datetime
    ) -> tuple[Delivery, Change | None]:
        if verdict is None:
            return after_death(delivery, now)
        return after_try(delivery, verdict, now, self._jitter())

    async def _try(self, delivery: Delivery) -> Verdict:
        parts = self._parts
        try:
            code = parts.opener.open(delivery) if delivery.template is Template.CODE else ""
            recipient = await parts.addresses.address_of(delivery)
            left = delivery.expires_at - parts.clock.now()
            if left <= timedelta():
                return Verdict.LATER
            await parts.mail.send(parts.writer.write(delivery, recipient, code), min(LONGEST_TRY, left))
        except CannotOpen:
            return Verdict.CODE_UNREADABLE
        except AddressChanged:
            return Verdict.ADDRESS_CHANGED
        except NoAddress:
            return Verdict.NO_ADDRESS
        except Refused:
            return Verdict.MAIL_REFUSED
        except Unreachable:
            return Verdict.LATER
        return Verdict.ACCEPTED

    async def sweep(self) -> int:
        """Delete what need not be kept; return how many deliveries."""
        async with self._parts.store.begin("notifier.sweep") as work:
            return await work.forget(self._parts.clock.now(), KEPT)

    def _jitter(self) -> float:
        return self._parts.randomness.token(1)[0] / 256


def _delivery_of(notice: Notice, now: datetime) -> Delivery:
    return Delivery(
        message_id=notice.event_id,
        template=Template.WAS_THIS_YOU,
        session_id=notice.session_id,
        holder_ref=notice.holder_ref,
        address_version=notice.address_version,
        reason=notice.reason,
        made_at=notice.occurred_at,
        expires_at=now + NOTICE_LIFETIME,
        due_at=now,
    )
