"""What one browser's journey remembers, and which page its session belongs on.

Pure: no cookie, no key, no clock, no network. The session itself lives in card_gateway; a
journey only knows its name, the claim to it, and what was asked of the person so far.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

JOURNEY_LIFE = timedelta(minutes=45)
"""From the first page to the last. Source: architecture §2, the session's one deadline."""

AFTERLIFE = timedelta(hours=1)
"""After the deadline: an unknown outcome may be settled later, and the last page may be loaded again."""


class State(Enum):
    """Where card_gateway says the session stands."""

    NEW = "NEW"
    ATTACHED = "ATTACHED"
    CARD_READ = "CARD_READ"
    AUTHORISED = "AUTHORISED"
    PROVING = "PROVING"
    RESETTING = "RESETTING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    UNKNOWN = "UNKNOWN"
    RESOLVED = "RESOLVED"
    ABANDONED = "ABANDONED"


class Reason(Enum):
    """Why the holder came. R2."""

    LOCKED = "LOCKED"
    FORGOTTEN = "FORGOTTEN"


@dataclass(frozen=True)
class Journey:
    """One browser's journey; everything but `ends_at` may be unknown at its start."""

    ends_at: datetime
    csrf: str
    attempt_id: str
    """Of the question that is open now: the same until a service has answered it."""
    reason: Reason | None = None
    address_token: str = ""
    session_id: str = ""
    claim: str = ""
    code_asked: bool = False
    spent_csrf: str = ""
    """The form token before the last step up: it leads to the page that is open now, and does nothing."""

    def over(self, now: datetime) -> bool:
        """True from the instant the journey ends."""
        return now >= self.ends_at


START, CARD, ADDRESS, CODE, PASSCODE = "/", "/card", "/address", "/code", "/passcode"
WORKING, DONE, UNKNOWN, STOPPED = "/working", "/done", "/unknown", "/stopped"

_PLACES = {
    State.NEW: CARD,
    State.ATTACHED: CARD,
    State.CARD_READ: ADDRESS,
    State.AUTHORISED: PASSCODE,
    State.PROVING: WORKING,
    State.RESETTING: WORKING,
    State.SUCCESS: DONE,
    State.UNKNOWN: UNKNOWN,
}


def place(state: State, *, resolved_success: bool, code_asked: bool) -> str:
    """Return the path of the page a session belongs on.

    Success is shown for SUCCESS and for an UNKNOWN that the card itself settled. R53, I7.
    """
    if state is State.RESOLVED:
        return DONE if resolved_success else STOPPED
    if state is State.CARD_READ and code_asked:
        return CODE
    return _PLACES.get(state, STOPPED)


def belongs(path: str, state: State, *, resolved_success: bool, code_asked: bool) -> bool:
    """True where this page may be shown; a holder may go back from the code to the address."""
    if path == ADDRESS and state is State.CARD_READ:
        return True
    return path == place(state, resolved_success=resolved_success, code_asked=code_asked)
