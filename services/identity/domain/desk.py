"""What an RA may see and do for holders: those of their own organisations, and never for themselves.

R7, R25. Pure: rows and roles come in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.identity.domain.holder import Address, CardStatus, HolderStatus

ROLE = "RA@"
"""A role `RA@X26` is of the organisation X26."""

SHORTEST_REFERENCE = 6
"""Of a card's reference, so many characters tell whose it is."""
LONGEST_REFERENCE = 32

_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class RegistryCard:
    """A card as the registry has it."""

    card_ref: str
    status: CardStatus
    certificate_expires_at: datetime | None
    answers_locked_at: datetime | None = None
    """Since when wrong answers to the security questions lock it."""


@dataclass(frozen=True)
class HolderRecord:
    """All that is kept of a holder, with their cards by reference."""

    holder_ref: str
    holder_id: str = field(repr=False)
    name: str = field(repr=False)
    organisation: str
    status: HolderStatus
    address: Address | None
    cards: Sequence[RegistryCard]


@dataclass(frozen=True)
class FoundHolder:
    """A holder in a list."""

    holder_ref: str
    holder_id: str = field(repr=False)
    name: str = field(repr=False)
    organisation: str


def organisations_of(roles: Sequence[str]) -> tuple[str, ...]:
    """Return the organisations of which somebody with these roles is an RA."""
    return tuple(role.removeprefix(ROLE) for role in roles if role.startswith(ROLE))


def reference_of(typed: str) -> str:
    """Return what was typed as the beginning of a card's reference; empty where it cannot be one."""
    bare = "".join(typed.split()).casefold()
    long_enough = SHORTEST_REFERENCE <= len(bare) <= LONGEST_REFERENCE
    return bare if long_enough and set(bare) <= _HEX else ""
