"""Wrong entries of a holder with one card: how many are left, and when only the RA can help.

Counted per (holder, card): locking a stolen card must not lock the holder's other one.
Nothing is forgotten by a clearing but the day's count; the year's count stays (quality S3).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum

from services.otp.domain.policy import Policy

DAY = timedelta(hours=24)
YEAR = timedelta(days=365)

GRANTED_BY_CLEARING = 3
"""Entries an RA's clearing gives beyond the year's limit. Source: architecture §3."""


@dataclass(frozen=True)
class WrongEntry:
    """One wrong entry; attempt and digits are known again, so that its repeat costs nothing."""

    at: datetime
    session_id: str
    attempt_id: str
    entries_left: int
    digits_ref: str = ""
    """Keyed digest of the digits; empty where they were not told, and in rows of the version before."""


@dataclass(frozen=True)
class Tally:
    """The wrong entries of one (holder, card) in the last year, and the lock they led to."""

    wrong: tuple[WrongEntry, ...] = ()
    locked_at: datetime | None = None
    cleared_at: datetime | None = None
    """When an RA last cleared it."""
    cooled_at: datetime | None = None
    """When a cool-off last ended a lock."""
    clearing: str = ""
    """The attempt that last cleared it: its repeat gets the same answer."""


class Cause(Enum):
    """Which limit a lock holds by; where both do, the year's."""

    DAY = "DAY"
    """Of a session or of 24 hours."""
    YEAR = "YEAR"


@dataclass(frozen=True)
class Lock:
    """A card that no code is issued for, as an RA is told of it."""

    card_ref: str
    since: datetime
    cause: Cause
    ends_at: datetime | None
    """By a cool-off; None: only an RA ends it."""
    wrong_in_year: int


@dataclass(frozen=True)
class Ledger:
    """The tallies of one holder by card_ref."""

    cards: Mapping[str, Tally] = field(default_factory=dict)
    organisation: str = ""
    """The holder's, as identity last said it here."""

    def tally(self, card_ref: str) -> Tally:
        """Return the card's tally, empty where there is none."""
        return self.cards.get(card_ref, Tally())

    def keep(self, card_ref: str, tally: Tally) -> "Ledger":
        """Return the ledger with that tally."""
        return replace(self, cards={**self.cards, card_ref: tally})


def repeated(
    tally: Tally, session_id: str, attempt_id: str, digits_refs: Sequence[str] = ()
) -> WrongEntry | None:
    """Return the wrong entry that this attempt already was with these digits.

    `digits_refs`: what may stand for the digits, one a key. Other digits are an entry of their own.
    """
    known = ("", *digits_refs)
    same = (e for e in tally.wrong if (e.session_id, e.attempt_id) == (session_id, attempt_id))
    return next((entry for entry in same if entry.digits_ref in known), None)


def entries_left(tally: Tally, session_id: str, policy: Policy, now: datetime) -> int:
    """Return how many wrong entries the session may still make; 0: locked to the RA."""
    if tally.locked_at is not None and tally.locked_at >= _freed_at(tally, policy, now):
        return 0
    in_session = sum(entry.session_id == session_id for entry in tally.wrong)
    freed_at = _freed_at(tally, policy, now)
    in_day = sum(entry.at > now - DAY and entry.at >= freed_at for entry in tally.wrong)
    left = min(policy.wrong_per_session - in_session, policy.wrong_per_day - in_day)
    return max(min(left, _left_in_year(tally, policy, now)), 0)


def enter_wrong(
    tally: Tally, session_id: str, attempt_id: str, policy: Policy, now: datetime, digits_ref: str = ""
) -> Tally:
    """Return the tally with one more wrong entry, locked where that was the last one."""
    left = entries_left(tally, session_id, policy, now) - 1
    recent = tuple(entry for entry in tally.wrong if entry.at > now - YEAR)
    return replace(
        tally,
        wrong=(*recent, WrongEntry(now, session_id, attempt_id, left, digits_ref)),
        locked_at=now if left <= 0 else None,
        cooled_at=_cooled_at(tally, policy, now),
    )


def clear(tally: Tally, now: datetime, attempt_id: str = "") -> Tally:
    """Return the tally as an RA clears it: the lock ends, the year's count stays."""
    return replace(tally, locked_at=None, cleared_at=now, clearing=attempt_id)


def is_locked(tally: Tally, policy: Policy, now: datetime) -> bool:
    """Tell whether only the RA can help, whatever session comes."""
    return entries_left(tally, "", policy, now) == 0


def locks_of(ledger: Ledger, policy: Policy, now: datetime) -> list[Lock]:
    """Return the locks that hold, by card."""
    return [
        _lock(card_ref, tally, policy, now)
        for card_ref, tally in sorted(ledger.cards.items())
        if is_locked(tally, policy, now)
    ]


def _lock(card_ref: str, tally: Tally, policy: Policy, now: datetime) -> Lock:
    """Return the lock of a card that is locked; without `locked_at` a limit was tightened since."""
    since = tally.locked_at or max(entry.at for entry in tally.wrong)
    cause = Cause.YEAR if _left_in_year(tally, policy, now) <= 0 else Cause.DAY
    ends_at = since + policy.cool_off if policy.cool_off and cause is Cause.DAY else None
    return Lock(card_ref, since, cause, ends_at, wrong_in_year(tally, now))


def wrong_in_year(tally: Tally, now: datetime) -> int:
    """Return the wrong entries that still count."""
    return sum(entry.at > now - YEAR for entry in tally.wrong)


_NEVER = datetime.min.replace(tzinfo=UTC)


def _cooled_at(tally: Tally, policy: Policy, now: datetime) -> datetime | None:
    """Return when a cool-off last ended a lock, if one ever did."""
    if tally.locked_at is None or policy.cool_off is None or now < tally.locked_at + policy.cool_off:
        return tally.cooled_at
    return tally.locked_at + policy.cool_off


def _freed_at(tally: Tally, policy: Policy, now: datetime) -> datetime:
    """Return when a lock last ended, by the RA or by a cool-off."""
    return max(tally.cleared_at or _NEVER, _cooled_at(tally, policy, now) or _NEVER)


def _left_in_year(tally: Tally, policy: Policy, now: datetime) -> int:
    """Return what the year still allows. A cool-off gives nothing here, a clearing three more."""
    if policy.wrong_per_year is None:
        return policy.wrong_per_session
    left = policy.wrong_per_year - wrong_in_year(tally, now)
    if tally.cleared_at is None:
        return left
    return max(left, GRANTED_BY_CLEARING - sum(entry.at >= tally.cleared_at for entry in tally.wrong))
