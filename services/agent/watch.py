"""Follows the readers, for as long as the agent runs, whatever the reader service does meanwhile.

EstablishContext, GetStatusChange of at most a second, and on any error release and start over: a context
that lived through a restart of its service is dead although it says otherwise (design `cards.md`, 6).
"""

import asyncio
from collections.abc import Mapping

from services.agent.backoff import Backoff
from services.agent.facts import NO_SERVICE, Facts, Presence, Reader, is_contactless
from services.agent.lane import Lane, Overdue
from services.agent.pcsc_codes import (
    COUNTER_SHIFT,
    NO_READERS,
    STATE_CHANGED,
    STATE_MUTE,
    STATE_PRESENT,
    STATE_STORAGE_CARD,
    UNKNOWN_READER,
)
from services.agent.ports import PcscError, ReaderContext, ReaderService
from services.card_gateway.card.guard import Insertion

LOOK_SECONDS = 1.0
"""Longest wait inside the reader service; also how soon a new reader is seen where nothing announces it."""
HANG_SECONDS = 4.0
"""A service that answers nothing for so long counts as down, and is asked again on a new thread."""
HOTPLUG = "\\\\?PnP?\\Notification"
"""Pseudo reader whose state changes as readers come and go. Source: SCardGetStatusChange(3)."""


class Watch:
    """The present facts, who wants to know when they change, and one `Insertion` for each card."""

    def __init__(self, service: ReaderService, backoff: Backoff) -> None:
        self.facts: Facts = NO_SERVICE
        self._service, self._backoff = service, backoff
        self._insertions: dict[str, tuple[int, Insertion]] = {}
        self._change = asyncio.Condition()
        self._looked = asyncio.Event()

    def insertion(self, reader: str) -> Insertion:
        """Return what the card in this reader has lost to us since it was put in."""
        return self._insertions.setdefault(reader, (-1, Insertion()))[1]

    def inserted(self) -> Insertion | None:
        """Return that of the one card that is in; None unless there is exactly one."""
        reader = self.facts.card_reader
        return self.insertion(reader) if reader else None

    async def first_look(self) -> Facts:
        """Return the facts once there are any."""
        await self._looked.wait()
        return self.facts

    async def differs(self, known: Facts) -> Facts:
        """Return the facts as soon as they are others than these."""
        async with self._change:
            await self._change.wait_for(lambda: self.facts != known)
            return self.facts

    async def run(self) -> None:
        """Follow the readers until cancelled."""
        while True:
            lane = Lane("readers")
            try:
                await self._follow(lane)
            except (PcscError, Overdue) as error:
                await self._lost(error)
            finally:
                lane.retire()
            await asyncio.sleep(self._backoff.again())

    async def _follow(self, lane: Lane) -> None:
        context = await lane.ask(self._service.open, HANG_SECONDS)
        known: dict[str, int] = {}
        try:
            while True:
                known = await lane.ask(lambda known=known: _look(context, known), HANG_SECONDS)  # type: ignore[misc]
                await self._publish(self._judged(known))
                self._backoff.reset()
        finally:
            lane.submit(context.close)

    async def _lost(self, error: Exception) -> None:
        code = error.code if isinstance(error, PcscError) else 0
        if code == NO_READERS:
            await self._publish(Facts(service_up=True))
        elif code != UNKNOWN_READER:  # that one was unplugged between two looks
            await self._publish(NO_SERVICE)

    def _judged(self, states: Mapping[str, int]) -> Facts:
        readers = []
        for name, state in sorted(states.items()):
            found = presence(name, state)
            self._note_insertion(name, found, state >> COUNTER_SHIFT)
            readers.append(Reader(name, found))
        return Facts(service_up=True, readers=tuple(readers))

    def _note_insertion(self, name: str, found: Presence, counter: int) -> None:
        known = self._insertions.get(name)
        if found is Presence.EMPTY or (known is not None and known[0] not in (-1, counter)):
            self._insertions.pop(name, None)
        if found is not Presence.EMPTY:
            _, insertion = self._insertions.get(name, (counter, Insertion()))
            self._insertions[name] = (counter, insertion)

    async def _publish(self, facts: Facts) -> None:
        self._looked.set()
        if facts == self.facts:
            return
        async with self._change:
            self.facts = facts
            self._change.notify_all()


def _look(context: ReaderContext, known: Mapping[str, int]) -> dict[str, int]:
    """Return the states of the readers that are there; returns at once where one is new."""
    asked = {name: known.get(name, 0) & ~STATE_CHANGED for name in context.names()}
    states = context.wait({HOTPLUG: 0, **asked}, LOOK_SECONDS)
    return {name: states[name] for name in asked if name in states}


def presence(name: str, state: int) -> Presence:
    """Return what a reader's name and state say of the card in it."""
    if state & STATE_PRESENT and (state & STATE_STORAGE_CARD or is_contactless(name)):
        return Presence.CONTACTLESS
    if state & STATE_MUTE:
        return Presence.MUTE
    return Presence.PRESENT if state & STATE_PRESENT else Presence.EMPTY
