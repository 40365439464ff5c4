"""What identity tells others, as facts; `events.py` says on which topic and in which message."""

from dataclasses import dataclass
from datetime import datetime

from services.identity.domain.acts import ActReason
from services.identity.domain.allow_list import AllowedDomain, Change
from services.identity.domain.colleagues import Request, Word
from services.identity.domain.proposal import Ending, Proposal
from services.identity.domain.questions import Attempt
from services.identity.domain.vouch import Vouch


@dataclass(frozen=True)
class HolderRefused:
    """A session ended at its holder's eligibility. Told once a session (D1)."""

    session_id: str
    code: str
    card_ref: str
    holder_ref: str
    """Empty where the card is not known."""
    organisation: str
    reason: str
    route: str
    at: datetime
    ra_ref: str = ""
    """The RA who asked, in person; empty where the holder did."""


@dataclass(frozen=True)
class VouchedInPerson:
    """An RA said who stood there; what unlocks the card was signed for it. R36."""

    vouch: Vouch
    organisation: str
    signed_in_by: str
    """The session in which the RA had signed in."""


@dataclass(frozen=True)
class ColleagueVouched:
    """A colleague vouched from afar for a holder without usable mail."""

    word: Word
    request: Request
    organisation: str
    signed_in_by: str
    """The session in which the colleague had signed in."""
    given: int
    """Words that counted then, this one with them."""
    needed: int


@dataclass(frozen=True)
class HoldersImported:
    """How many holders an organisation has after an import, and how many could unlock a card."""

    organisation: str
    holders: int
    eligible_holders: int
    at: datetime


@dataclass(frozen=True)
class AllowListChanged:
    """An entry of the allow list was added, changed or removed."""

    entry: AllowedDomain
    change: Change
    at: datetime


@dataclass(frozen=True)
class ContactChanged:
    """Somebody signed in changed a holder's contact details. Versions only: no address, no number."""

    holder_ref: str
    organisation: str
    session_id: str
    card_ref: str
    actor_kind: str
    actor_ref: str
    old_version: int
    version: int
    """The same as before where only the number changed."""
    mobile_changed: bool
    at: datetime
    why: ActReason | None = None
    """Of an RA."""


@dataclass(frozen=True)
class CardFrozen:
    """A holder froze a card by the button of a mail, or an RA did."""

    holder_ref: str
    organisation: str
    card_ref: str
    at: datetime
    actor_kind: str = "HOLDER"
    actor_ref: str = ""
    """Empty: the holder."""
    why: ActReason | None = None
    address_version: int = 0
    """Who is told of an RA's freeze."""


@dataclass(frozen=True)
class FreezeLifted:
    """An RA lifted the freeze of a card."""

    holder_ref: str
    organisation: str
    card_ref: str
    actor_ref: str
    why: ActReason | None
    address_version: int
    at: datetime


@dataclass(frozen=True)
class HolderRegistered:
    """A holder registered with security questions. R58."""

    holder_ref: str
    organisation: str
    session_id: str
    card_ref: str
    address_version: int
    """Who is told."""
    at: datetime


@dataclass(frozen=True)
class QuestionsAnswered:
    """Security questions were answered before an unlock. R48."""

    attempt: Attempt
    organisation: str
    address_version: int = 0
    """Who is told that this failure locked the card; 0 where it did not."""


@dataclass(frozen=True)
class AddressProposed:
    """An RA proposed an address, which waits for a second RA."""

    proposal: Proposal
    organisation: str


@dataclass(frozen=True)
class AnswersLockCleared:
    """An RA ended the lock that wrong answers had led to. R48."""

    holder_ref: str
    organisation: str
    card_ref: str
    actor_ref: str
    why: ActReason | None
    at: datetime


@dataclass(frozen=True)
class AddressProposalEnded:
    """A proposed address does not wait any more."""

    proposal: Proposal
    organisation: str
    ending: Ending
    actor_ref: str
    """Of the RA; empty where its time was up."""
    at: datetime
    why: ActReason | None = None
    """It was declined."""


Fact = (
    HolderRefused
    | VouchedInPerson
    | ColleagueVouched
    | HoldersImported
    | AllowListChanged
    | ContactChanged
    | CardFrozen
    | FreezeLifted
    | HolderRegistered
    | QuestionsAnswered
    | AnswersLockCleared
    | AddressProposed
    | AddressProposalEnded
)
