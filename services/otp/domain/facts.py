"""What otp tells others, as facts; `events.py` says on which topic and in which message."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from services.otp.domain.code import Code
from services.otp.domain.ended_lock import ClearReason
from services.otp.domain.spread import Alarm


class Verdict(Enum):
    """The answer to one entry."""

    RIGHT = "RIGHT"
    WRONG = "WRONG"
    SUPERSEDED = "SUPERSEDED"
    DEAD = "DEAD"
    LOCKED_TO_RA = "LOCKED_TO_RA"
    MALFORMED = "MALFORMED"


@dataclass(frozen=True)
class CodeIssued:
    """A code waits to be delivered."""

    code: Code
    reason: str
    sealed: bytes = field(repr=False)
    sealed_particulars: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class CodeRequested:
    """A code was asked for: the fact without the code."""

    code: Code
    codes_in_session: int


@dataclass(frozen=True)
class CodeEntered:
    """An entry was judged and stored."""

    code_id: str
    session_id: str
    verdict: Verdict
    entries_left: int
    at: datetime
    holder_ref: str
    card_ref: str


@dataclass(frozen=True)
class LockedToRa:
    """A session met the lock of its holder and card. Told once a session (D1)."""

    session_id: str
    holder_ref: str
    card_ref: str
    organisation: str
    reason: str
    route: str
    at: datetime


@dataclass(frozen=True)
class GuessingSpread:
    """Too many cards with a wrong entry within an hour. Told once an hour and place."""

    session_id: str
    alarm: Alarm
    at: datetime


@dataclass(frozen=True)
class LockClearedByRa:
    """An RA ended a lock."""

    session_id: str
    holder_ref: str
    card_ref: str
    organisation: str
    actor_ref: str
    wrong_in_year: int
    at: datetime
    why: ClearReason | None = None
    """None: told by a version that asked for no reason."""


Fact = CodeIssued | CodeRequested | CodeEntered | LockedToRa | GuessingSpread | LockClearedByRa
