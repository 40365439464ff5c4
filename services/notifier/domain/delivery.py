"""Deliveries: one message to one person, from the moment it is queued until it is sent or dead.

Pure: what the message says, who the person is and how it travels is not here.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from services.notifier.domain.bounce import Fate, Report

FIRST_PAUSE = timedelta(seconds=1)

LONGEST_PAUSE_OF_A_CODE = timedelta(seconds=30)
"""A code lives 15 minutes; greylisting servers ask for one to five of them."""

LONGEST_PAUSE = timedelta(minutes=10)

NOTICE_LIFETIME = timedelta(hours=24)
"""After which "was this you?" is no news any more; what waits for less is news for as long."""

KEPT = timedelta(days=30)
"""Ended deliveries. Source: architecture §7."""


class Template(StrEnum):
    """Which message; CARD_FROZEN, ADDRESS_SET_BY_RA, ADDRESS_WAITS and LET_THROUGH go to the RA team."""

    CODE = "code"
    WAS_THIS_YOU = "was-this-you"
    ADDRESS_CHANGED = "address-changed"
    CARD_FROZEN = "card-frozen"
    ADDRESS_SET_BY_RA = "address-set-by-ra"
    CARD_STOPPED = "card-stopped"
    REGISTERED = "registered"
    ANSWERS_LOCKED = "answers-locked"
    ADDRESS_WAITS = "address-waits"
    LET_THROUGH = "let-through"


class State(StrEnum):
    """Where a delivery stands."""

    QUEUED = "QUEUED"
    SENT = "SENT"
    NOT_SENT = "NOT_SENT"
    DELIVERED = "DELIVERED"
    BOUNCED = "BOUNCED"


class News(StrEnum):
    """What is told of a delivery."""

    SENT = "SENT"
    NOT_SENT = "NOT_SENT"
    DELIVERED = "DELIVERED"
    BOUNCED = "BOUNCED"
    DELAYED = "DELAYED"


class Verdict(StrEnum):
    """What came of one try; all but ACCEPTED and LATER are final, and are the reason told."""

    ACCEPTED = "ACCEPTED"
    LATER = "LATER"
    MAIL_REFUSED = "MAIL_REFUSED"
    ADDRESS_CHANGED = "ADDRESS_CHANGED"
    NO_ADDRESS = "NO_ADDRESS"
    CODE_UNREADABLE = "CODE_UNREADABLE"


MAIL_UNREACHABLE = "MAIL_UNREACHABLE"
EXPIRED = "EXPIRED"


@dataclass(frozen=True)
class Delivery:
    """One message to one person; the code stays sealed and leaves with the message's end."""

    message_id: str
    template: Template
    session_id: str
    holder_ref: str
    address_version: int
    reason: str
    """LOCKED, FORGOTTEN, CHANGE, or SIGN_IN for the code of a registration; of an address that was
    changed: OLD or NEW, by an RA OLD_BY_RA or NEW_BY_RA; of a card that an RA froze or released: FROZEN
    or LIFTED."""
    made_at: datetime
    expires_at: datetime
    due_at: datetime
    sealed_code: bytes | None = None
    state: State = State.QUEUED
    tries: int = 0
    delay_told: bool = False
    ended_at: datetime | None = None
    sealed_particulars: bytes | None = None
    """Card and site, sealed as the code is."""
    return_token: str = ""
    """Names this mail in the address it may be returned to; empty: it has none."""
    held_by: str = ""
    """The transport that may have taken the mail, though nobody knows: no other may send it."""
    card_ref: str = ""
    """The card that the message is about, by random reference."""


@dataclass(frozen=True)
class Contents:
    """What was sealed, in clear: only while a letter is written."""

    code: str = field(default="", repr=False)
    card_last_four: str = ""
    site: str = ""
    freeze_token: str = field(default="", repr=False)
    """Not sealed: identity gives it at the moment of sending."""


@dataclass(frozen=True)
class Change:
    """What is told when a delivery moves."""

    news: News
    reason: str
    occurred_at: datetime


def is_dead(delivery: Delivery, now: datetime) -> bool:
    """Tell whether the message may not be sent any more; a code's last instant is excluded (R49)."""
    return now >= delivery.expires_at


def after_death(delivery: Delivery, now: datetime) -> tuple[Delivery, Change]:
    """Give up a message that outlived its use."""
    reason = EXPIRED if delivery.template is Template.CODE else MAIL_UNREACHABLE
    return _ended(delivery, State.NOT_SENT, now), Change(News.NOT_SENT, reason, now)


def after_try(
    delivery: Delivery, verdict: Verdict, now: datetime, jitter: float
) -> tuple[Delivery, Change | None]:
    """Return the delivery as it must now be stored, and what to tell of it.

    `jitter` is uniform in [0, 1). A delay is told once.
    """
    tried = replace(delivery, tries=delivery.tries + 1)
    if verdict is Verdict.ACCEPTED:
        return _ended(tried, State.SENT, now), Change(News.SENT, "", now)
    if verdict is not Verdict.LATER:
        return _ended(tried, State.NOT_SENT, now), Change(News.NOT_SENT, verdict.value, now)
    if is_dead(delivery, now):
        return after_death(tried, now)
    waiting = replace(tried, due_at=min(now + _pause(tried, jitter), delivery.expires_at), delay_told=True)
    return waiting, None if delivery.delay_told else Change(News.DELAYED, MAIL_UNREACHABLE, now)


def after_report(delivery: Delivery, report: Report, now: datetime) -> tuple[Delivery, Change | None]:
    """Return a mail that was taken as its report leaves it, and what to tell; a repeat tells nothing.

    A mailbox that had it may still give it back; one that gave it back does not have it.
    """
    state = State(report.fate.value)
    from_states = {State.SENT} if report.fate is Fate.DELIVERED else {State.SENT, State.DELIVERED}
    if delivery.state not in from_states:
        return delivery, None
    return replace(delivery, state=state), Change(News(report.fate.value), report.reason, now)


def _pause(delivery: Delivery, jitter: float) -> timedelta:
    """Return how long to wait: twice as long each time, with a quarter of chance, up to a limit."""
    longest = LONGEST_PAUSE_OF_A_CODE if delivery.template is Template.CODE else LONGEST_PAUSE
    doublings: int = min(delivery.tries - 1, 16)
    return min(FIRST_PAUSE * (1 << doublings), longest) * (0.75 + jitter / 2)


def _ended(delivery: Delivery, state: State, now: datetime) -> Delivery:
    return replace(delivery, state=state, sealed_code=None, sealed_particulars=None, ended_at=now)
