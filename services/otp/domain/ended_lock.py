"""Why an RA ended a lock, and what is kept of it beside the count.

Pure. The reason is a code that is told; the note is for colleagues, and stays in this service.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

LONGEST_NOTE = 300
"""Characters. Source: the contract."""


class ClearReason(Enum):
    """Why; stable codes. OTHER needs a note."""

    MISTYPED = "MISTYPED"
    HOLDER_SAFE = "HOLDER_SAFE"
    OTHER = "OTHER"


@dataclass(frozen=True)
class Why:
    """Why an RA ends a lock."""

    reason: ClearReason | None
    """None where none was given."""
    note: str = field(default="", repr=False)


@dataclass(frozen=True)
class EndedLock:
    """One lock that was ended: never changed, and forgotten after 400 days."""

    clearing_id: str
    holder_ref: str
    card_ref: str
    organisation: str
    actor_ref: str
    why: Why
    at: datetime


def trouble_with(why: Why) -> str:
    """Return why the reason will not do; empty where it does."""
    if why.reason is None:
        return "REASON_MISSING"
    if len(why.note) > LONGEST_NOTE:
        return "NOTE_TOO_LONG"
    return "NOTE_MISSING" if why.reason is ClearReason.OTHER and not why.note.strip() else ""
