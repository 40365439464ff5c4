"""Contact details as a holder types them: which may stand, and what is wrong with those that may not.

R31, R33, R40. Pure: the allow list's entries and the canonical number come in.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from services.identity.domain.address import NoAddress, canonical, domain_of
from services.identity.domain.allow_list import AllowedDomain, allows
from services.identity.domain.holder import PastAddress

TOLD_FOR = timedelta(days=7)
"""So long the address before is told of the change, should its mail service be away. R64."""


class AddressTrouble(Enum):
    """Why an address may not stand; stable codes that people see."""

    EMAIL_MISSING = "EMAIL_MISSING"
    EMAIL_MALFORMED = "EMAIL_MALFORMED"
    EMAIL_DOMAIN_NOT_ALLOWED = "EMAIL_DOMAIN_NOT_ALLOWED"


@dataclass(frozen=True)
class Contact:
    """Contact details that may stand."""

    address: str | None = field(repr=False)
    """Canonical; None where there is none."""
    mobile: str = field(repr=False)
    """E.164; empty where there is none."""


def typed_address(text: str) -> str | AddressTrouble | None:
    """The canonical form of a typed address; None for an empty one."""
    if not text.strip():
        return None
    try:
        return canonical(text)
    except NoAddress:
        return AddressTrouble.EMAIL_MALFORMED


def trouble_with(
    typed: str | None, standing: str | None, entries: Iterable[AllowedDomain]
) -> AddressTrouble | None:
    """Why a canonical address may not stand. One that stands is overwritten, never just taken away."""
    if typed is None:
        return AddressTrouble.EMAIL_MISSING if standing else None
    return None if allows(entries, domain_of(typed)) else AddressTrouble.EMAIL_DOMAIN_NOT_ALLOWED


def hears_of_change(past: PastAddress, now: datetime) -> bool:
    """Tell whether this version is still told that the address was changed."""
    return past.superseded_at is None or now < past.superseded_at + TOLD_FOR
