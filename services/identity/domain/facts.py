"""What identity tells others, as facts; `events.py` says on which topic and in which message."""

from dataclasses import dataclass
from datetime import datetime

from services.identity.domain.allow_list import AllowedDomain, Change


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


Fact = HolderRefused | HoldersImported | AllowListChanged
