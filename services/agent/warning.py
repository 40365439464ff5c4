"""Warns before the lock: a card that is put in with one try left is said so, and the way out is offered.

Only while no page uses the reader, once for each insertion, by the free look (`look`), which spends nothing.
A card of an unknown kind, one that another program keeps, or that does not tell its tries is left in peace.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from services.agent.holding import CannotHold
from services.agent.lane import Lane, Overdue
from services.agent.look import LOOK_SECONDS, look
from services.agent.ports import ReaderService, Window
from services.agent.watch import Watch
from services.card_gateway.card.facts import CardFacts
from services.card_gateway.card.guard import LAST_TRY, Insertion
from services.runtime import logs

CARD_LAST_TRY = "CARD_LAST_TRY"
AGAIN_SECONDS = 2.0
"""How soon it is noticed that a session has ended while its card stayed in."""

log = logs.logger("warning")


class Warner:
    """Looks at each card that is put in while nobody uses the reader."""

    def __init__(
        self, service: ReaderService, watch: Watch, window: Window, idle: Callable[[], bool]
    ) -> None:
        """`idle`: whether no page uses the reader."""
        self._service, self._watch, self._window, self._idle = service, watch, window, idle
        self._looked_at: Insertion | None = None
        self._warned_of: Insertion | None = None

    async def run(self) -> None:
        """Follow the cards until cancelled."""
        while True:
            facts = self._watch.facts
            await self.turn()
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_SECONDS):
                    await self._watch.differs(facts)

    async def turn(self) -> None:
        """Take back a warning whose time is over; look at a card that is new."""
        reader, card = self._present()
        if self._warned_of is not None and (card is not self._warned_of or not self._idle()):
            self._warned_of = None
            self._window.warning("")
        if reader is None or card is self._looked_at or not self._idle():
            return
        self._looked_at = card
        if await self._has_one_try(reader) and self._present()[1] is card and self._idle():
            self._warned_of = card
            log.info("card_has_one_try")
            self._window.warning(CARD_LAST_TRY)

    def _present(self) -> tuple[str | None, Insertion | None]:
        reader = self._watch.facts.card_reader
        return reader, self._watch.insertion(reader) if reader is not None else None

    async def _has_one_try(self, reader: str) -> bool:
        lane = Lane("look")
        try:
            seen = await lane.ask(lambda: look(self._service, reader), LOOK_SECONDS)
        except (CannotHold, Overdue):
            return False
        finally:
            lane.retire()
        return isinstance(seen, CardFacts) and not seen.pin_blocked and seen.pin_tries_left == LAST_TRY
