"""What notifier does: queue a message, send what is due, forget what is old."""

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from services.notifier.domain.bounce import Report
from services.notifier.domain.delivery import (
    KEPT,
    NOTICE_LIFETIME,
    Change,
    Contents,
    Delivery,
    State,
    Template,
    Verdict,
    after_death,
    after_report,
    after_try,
    is_dead,
)
from services.notifier.ports import (
    AddressChanged,
    Addresses,
    CannotOpen,
    Fates,
    MaybeTaken,
    NoAddress,
    Opener,
    Post,
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

FOLLOWED = timedelta(hours=1)
"""How long a service is asked what became of a mail: by then its holder has a code, or the RA."""

FOLLOWED_AT_ONCE = 50

log = logs.logger("notifier")


_VERDICTS: dict[type[Exception], Verdict] = {
    CannotOpen: Verdict.CODE_UNREADABLE,
    AddressChanged: Verdict.ADDRESS_CHANGED,
    NoAddress: Verdict.NO_ADDRESS,
    Refused: Verdict.MAIL_REFUSED,
    Unreachable: Verdict.LATER,
}
"""What each failure of a try means."""


@dataclass(frozen=True)
class Parts:
    """What the use cases work with."""

    store: Store
    clock: Clock
    randomness: Randomness
    opener: Opener
    addresses: Addresses
    writer: Writer
    post: Post


@dataclass(frozen=True)
class Notice:
    """An unlock that its holder should hear of."""

    event_id: str
    session_id: str
    holder_ref: str
    address_version: int
    reason: str
    occurred_at: datetime
    card_ref: str = ""


class Taking(Enum):
    """What became of a report."""

    TAKEN = "TAKEN"
    EARLY = "EARLY"
    """Of a mail that is not noted as sent yet: worth bringing again."""
    NOBODY = "NOBODY"
    """Of no mail of ours, or of one that is forgotten."""


@dataclass(frozen=True)
class AddressChange:
    """A change of a holder's address, which both addresses should hear of. R64."""

    event_id: str
    session_id: str
    holder_ref: str
    old_version: int
    """0 where there was no address before."""
    new_version: int
    occurred_at: datetime
    by_ra: bool = False
    """The RA team hears of it too. R25."""


@dataclass(frozen=True)
class Freeze:
    """A card that its holder froze, of which the RA team should hear. R64."""

    event_id: str
    holder_ref: str
    card_ref: str
    occurred_at: datetime


@dataclass(frozen=True)
class Stop:
    """A card that an RA froze or released, of which its holder should hear. R64."""

    event_id: str
    holder_ref: str
    card_ref: str
    address_version: int
    lifted: bool
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
            code = replace(code, return_token=self._return_token())
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
                await work.add(_delivery_of(notice, self._return_token(), now))
        self.queued.set()

    async def take_address_change(self, change: AddressChange) -> None:
        """Queue the mails to the address before and to the one that stands now."""
        async with self._parts.store.begin("notifier.take_address_change") as work:
            now = self._parts.clock.now()
            if await work.first_time(change.event_id, now):
                for delivery in _deliveries_of(change, now):
                    await work.add(replace(delivery, return_token=self._return_token()))
        self.queued.set()

    async def take_freeze(self, freeze: Freeze) -> None:
        """Queue the mail to the RA team."""
        async with self._parts.store.begin("notifier.take_freeze") as work:
            now = self._parts.clock.now()
            if await work.first_time(freeze.event_id, now):
                await work.add(_alert_of(freeze, self._return_token(), now))
        self.queued.set()

    async def take_stop(self, stop: Stop) -> None:
        """Queue the mail to the holder."""
        async with self._parts.store.begin("notifier.take_stop") as work:
            now = self._parts.clock.now()
            if await work.first_time(stop.event_id, now):
                await work.add(_stop_of(stop, self._return_token(), now))
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
        if is_dead(delivery, self._parts.clock.now()):
            return await self._store(delivery, None)
        verdict, held_by = await self._try(delivery)
        return await self._store(replace(delivery, held_by=held_by), verdict)

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

    async def _try(self, delivery: Delivery) -> tuple[Verdict, str]:
        """Return what came of one try, and which mail service has the letter, or may have it."""
        try:
            return Verdict.ACCEPTED, await self._hand_over(delivery)
        except MaybeTaken as error:
            return Verdict.LATER, error.by
        except tuple(_VERDICTS) as error:
            return _VERDICTS[type(error)], delivery.held_by

    async def _hand_over(self, delivery: Delivery) -> str:
        parts = self._parts
        contents = parts.opener.open(delivery) if delivery.template is Template.CODE else Contents()
        recipient, token = await parts.addresses.address_of(delivery)
        contents = replace(contents, freeze_token=token)
        left = delivery.expires_at - parts.clock.now()
        if left <= timedelta():
            raise Unreachable
        letter = parts.writer.write(delivery, recipient, contents)
        return await parts.post.send(letter, min(LONGEST_TRY, left), delivery.held_by)

    async def take_report(self, return_token: str, report: Report) -> Taking:
        """Note what a mail service says of a mail it took, together with its news; again changes nothing."""
        async with self._parts.store.begin("notifier.take_report") as work:
            delivery = await work.returned(return_token)
            if delivery is None:
                return Taking.NOBODY
            if delivery.state is State.QUEUED:
                return Taking.EARLY
            after, change = after_report(delivery, report, self._parts.clock.now())
            if change:
                await work.settle(after)
                await work.tell(after, change)
        log.info("report_taken", message=delivery.message_id, fate=report.fate.value, reason=report.reason)
        return Taking.TAKEN

    async def follow(self, service: str, fates: Fates) -> int:
        """Ask a mail service what became of the mails it took lately; return how many it knows of."""
        since = self._parts.clock.now() - FOLLOWED
        async with self._parts.store.begin("notifier.followed") as work:
            sent = await work.sent_by(service, since, FOLLOWED_AT_ONCE)
        known = 0
        for delivery in sent:
            report = await fates.fate_of(delivery.message_id)
            if report:
                known += await self.take_report(delivery.return_token, report) is Taking.TAKEN
        return known

    async def sweep(self) -> int:
        """Delete what need not be kept; return how many deliveries."""
        async with self._parts.store.begin("notifier.sweep") as work:
            return await work.forget(self._parts.clock.now(), KEPT)

    def _return_token(self) -> str:
        """Return what nobody guesses and any mail server carries: 120 bits, in letters of one case."""
        return base64.b32encode(self._parts.randomness.token(15)).decode("ascii").lower()

    def _jitter(self) -> float:
        return self._parts.randomness.token(1)[0] / 256


def _delivery_of(notice: Notice, return_token: str, now: datetime) -> Delivery:
    return Delivery(
        message_id=notice.event_id,
        template=Template.WAS_THIS_YOU,
        card_ref=notice.card_ref,
        session_id=notice.session_id,
        holder_ref=notice.holder_ref,
        address_version=notice.address_version,
        reason=notice.reason,
        made_at=notice.occurred_at,
        expires_at=now + NOTICE_LIFETIME,
        due_at=now,
        return_token=return_token,
    )


def _deliveries_of(change: AddressChange, now: datetime) -> list[Delivery]:
    """A message has one recipient: neither address learns of the other one."""
    by = "_BY_RA" if change.by_ra else ""
    versions = {f"OLD{by}": change.old_version, f"NEW{by}": change.new_version}
    team = [_to_the_team(change, now)] if change.by_ra else []
    return team + [
        Delivery(
            message_id=f"{change.event_id}.{which[:3].lower()}",
            template=Template.ADDRESS_CHANGED,
            session_id=change.session_id,
            holder_ref=change.holder_ref,
            address_version=version,
            reason=which,
            made_at=change.occurred_at,
            expires_at=now + NOTICE_LIFETIME,
            due_at=now,
        )
        for which, version in versions.items()
        if version
    ]


def _to_the_team(change: AddressChange, now: datetime) -> Delivery:
    return Delivery(
        message_id=f"{change.event_id}.team",
        template=Template.ADDRESS_SET_BY_RA,
        session_id=change.session_id,
        holder_ref=change.holder_ref,
        address_version=0,
        reason="",
        made_at=change.occurred_at,
        expires_at=now + NOTICE_LIFETIME,
        due_at=now,
    )


def _stop_of(stop: Stop, return_token: str, now: datetime) -> Delivery:
    return Delivery(
        message_id=stop.event_id,
        template=Template.CARD_STOPPED,
        session_id=stop.event_id,  # no session: as with the alert
        holder_ref=stop.holder_ref,
        address_version=stop.address_version,
        reason="LIFTED" if stop.lifted else "FROZEN",
        made_at=stop.occurred_at,
        expires_at=now + NOTICE_LIFETIME,
        due_at=now,
        return_token=return_token,
        card_ref=stop.card_ref,
    )


def _alert_of(freeze: Freeze, return_token: str, now: datetime) -> Delivery:
    return Delivery(
        message_id=freeze.event_id,
        template=Template.CARD_FROZEN,
        session_id=freeze.event_id,  # no session: the news of it go under the event's own id
        holder_ref=freeze.holder_ref,
        address_version=0,
        reason="",
        made_at=freeze.occurred_at,
        expires_at=now + NOTICE_LIFETIME,
        due_at=now,
        return_token=return_token,
        card_ref=freeze.card_ref,
    )
