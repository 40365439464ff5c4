"""Finding one's Registration Authority by an organisation's name or code, and the approved domains. R37, R33.

Public: nothing here knows of holders. The names are kept in memory and read anew when an import changed one.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from services.identity.domain.allow_list import AllowedDomain
from services.identity.domain.holder import RegistrationAuthority
from services.identity.ports import Store
from services.runtime.clock import Clock

MOST_FOUND = 10
"""Organisations in one answer; who gets as many adds a word."""
MOST_DOMAINS = 500
"""Of each kind in one answer."""
LOOKED_AFTER = timedelta(seconds=15)
"""How long an import's new names may go unnoticed."""
READ_ANEW_AFTER = timedelta(minutes=10)
"""Whatever the times say: the import may run by another machine's clock."""


class Names(Protocol):
    """Names of organisations that can be searched."""

    async def search(self, typed: str, most: int) -> list[str]:
        """Return the codes of the organisations that fit best, the best one first, at most so many."""
        ...


@dataclass(frozen=True)
class Found:
    """The organisations that fit best, the best one first."""

    authorities: list[RegistrationAuthority]
    more: bool
    """More fit than are told."""


@dataclass(frozen=True)
class Approved:
    """The mail domains that addresses may be of."""

    for_all: list[AllowedDomain]
    for_organisation: list[AllowedDomain]
    organisation_name: str
    """Empty where no organisation was named, or none has this code."""


class Finder:
    """What anybody may ask about organisations."""

    def __init__(
        self, store: Store, clock: Clock, index: Callable[[Iterable[tuple[str, str]]], Names]
    ) -> None:
        self._store = store
        self._clock = clock
        self._index = index
        self._names = index(())
        self._of: datetime | None = None
        self._read_at: datetime | None = None
        self._look_at: datetime | None = None
        self._looking = asyncio.Lock()

    async def find_ra(self, typed: str) -> Found:
        """Return the RAs of the organisations that fit what was typed."""
        names = await self._fresh()
        codes = await names.search(typed, MOST_FOUND + 1)
        async with self._store.read() as view:
            found = await view.registration_authorities(codes[:MOST_FOUND])
        return Found([found[code] for code in codes if code in found], len(codes) > MOST_FOUND)

    async def approved_domains(self, organisation: str) -> Approved:
        """Return the allow list, with an organisation's own additions."""
        async with self._store.read() as view:
            entries = await view.approved_domains(organisation)
            found = await view.registration_authorities([organisation]) if organisation else {}
        return Approved(
            [entry for entry in entries if not entry.organisation][:MOST_DOMAINS],
            [entry for entry in entries if entry.organisation][:MOST_DOMAINS],
            found[organisation].name if organisation in found else "",
        )

    async def _fresh(self) -> Names:
        """Return the names as they are now, or were a moment ago."""
        if self._due():
            async with self._looking:
                if self._due():
                    await self._look()
        return self._names

    def _due(self) -> bool:
        return self._look_at is None or self._clock.now() >= self._look_at

    async def _look(self) -> None:
        now = self._clock.now()
        async with self._store.read() as view:
            changed = await view.organisations_changed_at()
            if changed != self._of or self._read_at is None or now - self._read_at >= READ_ANEW_AFTER:
                names = await view.names_of_organisations()
                self._names = await asyncio.to_thread(self._index, names)
                self._of, self._read_at = changed, now
        self._look_at = now + LOOKED_AFTER
