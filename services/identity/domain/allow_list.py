"""The allow list of mail domains (R3, R33): which addresses we write to.

The list is data, not code; this is how an entry of it matches.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class AllowedDomain:
    """One entry; `domain` is canonical."""

    domain: str
    subdomains: bool
    """True where every domain below it is allowed too."""


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
