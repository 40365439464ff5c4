"""What notifier does: queue a message, send what is due, forget what is old."""

import asyncio
import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from functools import partial

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
    """What one mailbox should hear of: the holder's, or the RA team's. R25, R41, R48, R64."""

    event_id: str
    template: Template
    holder_ref: str
    occurred_at: datetime
    address_version: int = 0
    """Of the holder's address; 0: the RA team's."""
    session_id: str = ""
    """Empty: in no session, so that the news of the mail go under its own id."""
    reason: str = ""
    card_ref: str = ""
    ends_at: datetime | None = None
    """From then on nobody needs to hear of it; None: after `NOTICE_LIFETIME`."""


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
        """Queue one mail."""
        await self._take("notifier.take_notice", notice.event_id, [notice])

    async def take_address_change(self, change: AddressChange) -> None:
        """Queue the mails to the address before and to the one that stands now."""
        await self._take("notifier.take_address_change", change.event_id, _notices_of(change))

    async def _take(self, name: str, event_id: str, notices: Sequence[Notice]) -> None:
        async with self._parts.store.begin(name) as work:
            now = self._parts.clock.now()
            if await work.first_time(event_id, now):
                for notice in notices:
                    await work.add(_delivery_of(notice, self._return_token(), now))
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
        template=notice.template,
        session_id=notice.session_id or notice.event_id,
        holder_ref=notice.holder_ref,
        address_version=notice.address_version,
        reason=notice.reason,
        made_at=notice.occurred_at,
        expires_at=notice.ends_at or now + NOTICE_LIFETIME,
        due_at=now,
        return_token=return_token,
        card_ref=notice.card_ref,
    )


def _notices_of(change: AddressChange) -> list[Notice]:
    """A message has one recipient: neither address learns of the other one."""
    by = "_BY_RA" if change.by_ra else ""
    changed = partial(
        Notice, holder_ref=change.holder_ref, occurred_at=change.occurred_at, session_id=change.session_id
    )
    team = [changed(f"{change.event_id}.team", Template.ADDRESS_SET_BY_RA)] if change.by_ra else []
    versions = {"OLD": change.old_version, "NEW": change.new_version}
    return team + [
        changed(
            f"{change.event_id}.{which.lower()}",
            Template.ADDRESS_CHANGED,
            address_version=version,
            reason=f"{which}{by}",
        )
        for which, version in versions.items()
        if version
    ]
