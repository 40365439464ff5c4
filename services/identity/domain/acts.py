"""What RAs do for holders: which reasons fit which act, and what is kept of each. R7, R25.

Pure. The reason is a code that is told; the note is for colleagues, and stays in this service.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

LONGEST_NOTE = 300
"""Characters."""


class ActKind(Enum):
    """What was done."""

    ADDRESS_SET = "ADDRESS_SET"
    ADDRESS_PROPOSED = "ADDRESS_PROPOSED"
    ADDRESS_DECLINED = "ADDRESS_DECLINED"
    CARD_FROZEN = "CARD_FROZEN"
    FREEZE_LIFTED = "FREEZE_LIFTED"
    ANSWERS_CLEARED = "ANSWERS_CLEARED"
    OTHER = "OTHER"
    """Kept by a newer version of this service, which knows more kinds; never kept by this one."""


class ActReason(Enum):
    """Why; stable codes. OTHER needs a note."""

    NO_ADDRESS = "NO_ADDRESS"
    ADDRESS_WRONG = "ADDRESS_WRONG"
    MAILBOX_CLOSED = "MAILBOX_CLOSED"
    CARD_LOST = "CARD_LOST"
    MISUSE_SUSPECTED = "MISUSE_SUSPECTED"
    CARD_FOUND = "CARD_FOUND"
    HOLDER_CONFIRMED = "HOLDER_CONFIRMED"
    FROZEN_IN_ERROR = "FROZEN_IN_ERROR"
    HOLDER_CHECKED = "HOLDER_CHECKED"
    OTHER = "OTHER"


FITTING: dict[ActKind, frozenset[ActReason]] = {
    ActKind.ADDRESS_SET: frozenset(
        {ActReason.NO_ADDRESS, ActReason.ADDRESS_WRONG, ActReason.MAILBOX_CLOSED, ActReason.OTHER}
    ),
    ActKind.ADDRESS_DECLINED: frozenset(
        {ActReason.ADDRESS_WRONG, ActReason.MISUSE_SUSPECTED, ActReason.OTHER}
    ),
    ActKind.CARD_FROZEN: frozenset({ActReason.CARD_LOST, ActReason.MISUSE_SUSPECTED, ActReason.OTHER}),
    ActKind.FREEZE_LIFTED: frozenset(
        {ActReason.CARD_FOUND, ActReason.HOLDER_CONFIRMED, ActReason.FROZEN_IN_ERROR, ActReason.OTHER}
    ),
    ActKind.ANSWERS_CLEARED: frozenset({ActReason.HOLDER_CHECKED, ActReason.OTHER}),
}
"""The reasons that an act may have. A proposal has those of an address that is set."""

ADDRESS_ACTS = (ActKind.ADDRESS_SET, ActKind.ADDRESS_PROPOSED)
"""What counts towards the addresses that one RA may set in a day; who confirms one has set it."""


@dataclass(frozen=True)
class Why:
    """Why an RA acts."""

    reason: ActReason | None
    """None where none was given."""
    note: str = field(default="", repr=False)


@dataclass(frozen=True)
class Act:
    """One act as it is kept: never changed, and deleted with its holder only."""

    act_id: str
    actor_ref: str
    attempt_id: str
    holder_ref: str
    card_ref: str
    """Empty: not about one card."""
    kind: ActKind
    why: Why
    version: int
    """Of the address that was set; 0 for other acts."""
    at: datetime


@dataclass(frozen=True)
class Done:
    """What an attempt of an RA did: of what, of whom, and of which card."""

    kind: ActKind
    holder_ref: str
    card_ref: str


@dataclass(frozen=True)
class Change:
    """One change of a holder's profile, for the RAs of the organisation."""

    at: datetime
    kind: ActKind
    by: str
    """`import`, `holder` or `ra`."""
    card_ref: str = ""
    reason: str = ""
    note: str = field(default="", repr=False)
    actor_name: str = field(default="", repr=False)
    """Of the RA; empty for others, and for one who is not kept any more."""


def kind_of(kept: str) -> ActKind:
    """Return the kind of an act that is kept: OTHER for one that only a newer version knows."""
    return ActKind(kept) if kept in ActKind.__members__ else ActKind.OTHER


def trouble_with_reason(kind: ActKind, why: Why) -> str:
    """Return why the reason will not do; empty where it does."""
    if why.reason not in FITTING[kind]:
        return "REASON_MISSING"
    if len(why.note) > LONGEST_NOTE:
        return "NOTE_TOO_LONG"
    return "NOTE_MISSING" if why.reason is ActReason.OTHER and not why.note.strip() else ""
