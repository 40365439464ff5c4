"""The agent's card port straight onto a virtual card: no reader, no PC/SC service, no waiting."""

from deploy.local.virtual_card.faults import Dropped, FaultyCard
from services.card_gateway.card.apdu import CardGone, CardTimeout

ANSWER_WITHIN = 3.0
"""Seconds a real port waits for one answer; a longer hang is told at once here."""


class InProcessCard:
    """A card in a reader: pulled by its faults, put back by `insert`."""

    def __init__(self, card: FaultyCard) -> None:
        self.card = card
        self._present = True

    def insert(self) -> None:
        """Put the card back, as good as new but for what it remembers without power."""
        self._present = True
        self.card.card.power_off()

    def reset(self) -> None:
        """What the end of a transaction does to a card."""
        self.card.card.power_off()

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """See `CardPort`."""
        if not self._present:
            raise CardGone
        try:
            answer = self.card.transmit(apdu)
        except Dropped:
            self._present = False
            raise CardGone from None
        if self.card.delay > ANSWER_WITHIN:
            raise CardTimeout
        if len(answer) < 2:
            raise CardGone
        return answer[:-2], int.from_bytes(answer[-2:], "big")
