"""Holders, their cards, and who their Registration Authority is."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum


class CardStatus(Enum):
    """What the registry says of a card."""

    ACTIVE = "ACTIVE"
    LOST = "LOST"
    REPLACED = "REPLACED"
    REVOKED = "REVOKED"
    FROZEN = "FROZEN"


class HolderStatus(Enum):
    """Whether the person is still there."""

    ACTIVE = "ACTIVE"
    LEFT = "LEFT"


@dataclass(frozen=True)
class RegistrationAuthority:
    """How to reach the RA of an organisation; each way may be empty."""

    organisation: str
    name: str
    telephone: str = ""
    email: str = ""
    opening_hours: str = ""


@dataclass(frozen=True)
class Address:
    """One version of a holder's address; `address` is canonical, None where it was taken away."""

    version: int
    address: str | None
    set_at: datetime
    set_by: str


@dataclass(frozen=True)
class PastAddress:
    """A version of an address, and since when another one stands; None while it stands itself."""

    address: str | None = field(repr=False)
    superseded_at: datetime | None


@dataclass(frozen=True)
class HeldCard:
    """A card with its holder, as the registry knows both."""

    card_ref: str
    card_status: CardStatus
    certificate_expires_at: datetime | None
    holder_ref: str
    holder_status: HolderStatus
    organisation: str
    address: Address | None
    registration_authority: RegistrationAuthority


@dataclass(frozen=True)
class FreezeToken:
    """What a mail "was this you?" gave its reader: the right to freeze, and no other. R64."""

    digest: bytes = field(repr=False)
    """SHA-256 of the token, which is kept nowhere."""
    holder_ref: str
    card_ref: str
    """Empty: every card of the holder's."""
    expires_at: datetime


@dataclass(frozen=True)
class OwnProfile:
    """What is kept of a holder, found by a card of theirs."""

    held: HeldCard
    name: str = field(repr=False)
    mobile: str = field(repr=False)
    """E.164; empty where there is none."""
    roles: tuple[str, ...]
    """What they may do for others, such as `RA@X26`."""
