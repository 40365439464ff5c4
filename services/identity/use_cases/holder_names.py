"""The names of an organisation's holders, to be searched roughly: in memory, for a minute, few at once."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from services.identity.ports import View
from services.runtime.clock import Clock

READ_ANEW_AFTER = timedelta(minutes=1)
"""How long a new holder may not be found by name yet; by identifier and card they are at once."""
MOST_KEPT = 4
"""Organisations whose names are in memory."""


class Names(Protocol):
    """Names that can be searched."""

    async def search(self, typed: str, most: int) -> list[str]:
        """Return the keys of the names that fit best, the best one first, at most so many."""
        ...


@dataclass(frozen=True)
class _Kept:
    names: Names
    read_at: datetime


class HolderNames:
    """Names by organisation; those that nobody asks for are forgotten first."""

    def __init__(self, clock: Clock, index: Callable[[Iterable[tuple[str, str]]], Names]) -> None:
        self._clock = clock
        self._index = index
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._reading = asyncio.Lock()

    async def of(self, view: View, organisation: str) -> Names:
        """Return an organisation's names as they are, or were a minute ago."""
        async with self._reading:
            kept = self._kept.get(organisation)
            if kept is None or self._clock.now() >= kept.read_at + READ_ANEW_AFTER:
                names = await view.names_of_holders(organisation)
                kept = _Kept(await asyncio.to_thread(self._index, names), self._clock.now())
            self._keep(organisation, kept)
        return kept.names

    def _keep(self, organisation: str, kept: _Kept) -> None:
        self._kept[organisation] = kept
        self._kept.move_to_end(organisation)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
