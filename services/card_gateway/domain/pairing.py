"""How a page finds its agent: a one-time address or a 10-character code, and how often one may guess.

Pure: what a code looks like is in `runtime/spoken_codes.py`. Nothing here is ever stored in clear; the
database keeps digests. Source: quality S13.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

LIFETIME = timedelta(seconds=120)
"""From offer to refusal."""

RENEW_WITHIN = timedelta(seconds=30)
"""A poll lasts up to 25 s, so a pairing with less than this is renewed at the start of one."""

GUESS_WINDOW = timedelta(minutes=10)
GUESSES_PER_SOURCE = 10
"""Wrong codes one source may enter in a window."""
GUESSES_IN_ALL = 2000
"""Wrong codes all sources may enter in a window."""

MOST_ON_OFFER = 1_000_000
"""Sessions on offer at once. Each has one live code, or two for 30 s: at most one hit in 280,000 windows."""


@dataclass(frozen=True)
class Pairing:
    """One offer of one session, as it is stored."""

    token_digest: bytes
    code_digest: bytes
    session_id: str
    expires_at: datetime

    def is_good(self, now: datetime) -> bool:
        """True before `expires_at`."""
        return now < self.expires_at


def window_of(now: datetime) -> datetime:
    """Start of the guess window that `now` is in."""
    seconds = int(GUESS_WINDOW.total_seconds())
    return datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, now.tzinfo)


def may_guess(by_source: int, in_all: int) -> bool:
    """Tell whether another code may be judged after so many wrong ones in this window."""
    return by_source < GUESSES_PER_SOURCE and in_all < GUESSES_IN_ALL
