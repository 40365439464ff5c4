"""The allow list of mail domains (R3, R33): which addresses we write to.

The list is data, not code; this is how an entry of it matches. An entry holds everywhere, or is an
addition for the holders of one organisation.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

EVERYWHERE = ""
"""In the place of an organisation's code: the entry holds for all."""


@dataclass(frozen=True)
class AllowedDomain:
    """One entry; `domain` is canonical."""

    domain: str
    subdomains: bool
    """True where every domain below it is allowed too."""
    organisation: str = EVERYWHERE


class Change(Enum):
    """What became of an entry."""

    ADDED = "ADDED"
    CHANGED = "CHANGED"
    REMOVED = "REMOVED"


@dataclass(frozen=True)
class ListChange:
    """One change of the list, as it is written down for good."""

    entry: AllowedDomain
    """As it stands now; of a removal, as it stood."""
    change: Change
    by: str
    at: datetime


def allows(entries: Iterable[AllowedDomain], domain: str) -> bool:
    """Tell whether a canonical domain is on the list, exactly or below an entry that says so."""
    return any(
        domain == entry.domain or (entry.subdomains and domain.endswith(f".{entry.domain}"))
        for entry in entries
    )


def candidates(domain: str) -> list[str]:
    """Return the entries that could allow a canonical domain: itself and all above it."""
    labels = domain.split(".")
    return [".".join(labels[start:]) for start in range(len(labels))]


def on_list(entries: Mapping[tuple[str, str], bool], organisation: str, domain: str) -> bool:
    """Tell whether a domain is allowed to an organisation's holders, by entries under (organisation, domain).

    The same answer as `allows`, in as many looks as the domain has labels, however long the list is.
    """
    return any(
        below or entry == domain
        for entry in candidates(domain)
        for place in {organisation, EVERYWHERE}
        if (below := entries.get((place, entry))) is not None
    )
