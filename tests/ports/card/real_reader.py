"""A virtual card behind a `pcscd` of its own, spoken to through PC/SC: the bare port, without the agent."""

import contextlib
import itertools
import json
import os
import socket
from types import TracebackType
from typing import Any, Self

from deploy.local.pcsc import READERS, OwnPcscd
from deploy.local.virtual_card import Eeprom, personalise
from services.agent.ports import PcscError
from services.agent.readers import PcscCard, PcscService
from services.card_gateway.card.apdu import CardGone


class RealReader:
    """One reader of a service of its own, in which cards are swapped."""

    def __init__(self) -> None:
        self._pcscd = OwnPcscd()
        self._number = itertools.count()
        self._card: PcscCard | None = None
        self.name = ""

    def __enter__(self) -> Self:
        self._pcscd.start()
        self._before = dict(os.environ)
        os.environ.update(self._pcscd.environment)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.environ.clear()
        os.environ.update(self._before)
        self._pcscd.stop()

    def fresh_card(self, **wishes: Any) -> "RealPort":
        """Put in a card that was never used, unseen by the reader if it can be, and connect to it."""
        self.name = f"card-{next(self._number)}"
        personalise(self._pcscd.cards, self.name, **wishes)
        if not self.order(do="swap", card=self.name)["ok"]:
            assert self.order(do="insert", card=self.name)["ok"]
        return self.connect()

    def reinsert(self) -> "RealPort":
        """Put the same card in again, as its file remembers it."""
        assert self.order(do="insert", card=self.name)["ok"]
        return self.connect()

    def connect(self) -> "RealPort":
        """Connect to the card that is in; the connection before it is given up."""
        if self._card is not None:
            with contextlib.suppress(PcscError):
                self._card.disconnect()
        self._card = _connected()
        return RealPort(self._card)

    def eeprom(self) -> Eeprom:
        """What the card remembers, from its file."""
        return Eeprom.load(self._pcscd.cards / f"{self.name}.card")

    def order(self, **request: Any) -> dict[str, Any]:
        """Ask the virtual card process for something."""
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(str(self._pcscd.card_control))
            control.sendall(json.dumps(request).encode() + b"\n")
            answer: dict[str, Any] = json.loads(control.makefile().readline())
            return answer


class RealPort:
    """A CardPort over PC/SC."""

    def __init__(self, card: PcscCard) -> None:
        self._card = card

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        try:
            answer = self._card.transmit(apdu)
        except PcscError as error:
            raise CardGone from error
        if len(answer) < 2:
            raise CardGone
        return answer[:-2], int.from_bytes(answer[-2:], "big")


def _connected() -> PcscCard:
    context = PcscService().open()
    states = {READERS[0]: 0}
    while not states[READERS[0]] & 0x20:  # SCARD_STATE_PRESENT; the test's own time limit ends this
        states = context.wait(states, 1.0)
    return context.connect(READERS[0])
