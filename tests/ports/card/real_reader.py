"""A virtual card behind this process's own `pcscd`, spoken to through PC/SC without the agent."""

import contextlib
import itertools
import json
import socket
from typing import Any

from deploy.local.pcsc import READERS
from deploy.local.virtual_card import Eeprom, personalise, personalise_gids
from services.agent.ports import PcscError
from services.agent.readers import PcscCard, PcscService
from services.card_gateway.card.apdu import CardGone
from tests.fixtures.pcsc import own_pcscd


class RealReader:
    """One reader of a service of its own, in which cards are swapped."""

    def __init__(self) -> None:
        self._pcscd = own_pcscd()
        self._number = itertools.count()
        self._card: PcscCard | None = None
        self.name = ""
        self.empty()

    def empty(self) -> None:
        """Leave the readers as others of this process expect them."""
        self._give_up()
        for slot in range(len(READERS)):
            self.order(do="remove", slot=slot)

    def fresh_card(self, kind: str = "PIV", **wishes: Any) -> "RealPort":
        """Put in a card that was never used, unseen by the reader if it can be, and connect to it."""
        self.name = f"port-{next(self._number)}"
        make = personalise_gids if kind == "GIDS" else personalise
        make(self._pcscd.cards, self.name, **wishes)
        if not self.order(do="swap", card=self.name)["ok"]:
            assert self.order(do="insert", card=self.name)["ok"]
        return self.connect()

    def reinsert(self) -> "RealPort":
        """Put the same card in again, as its file remembers it."""
        assert self.order(do="insert", card=self.name)["ok"]
        return self.connect()

    def connect(self) -> "RealPort":
        """Connect to the card that is in; the connection before it is given up."""
        self._give_up()
        self._card = _connected()
        return RealPort(self._card)

    def _give_up(self) -> None:
        if self._card is not None:
            with contextlib.suppress(PcscError):
                self._card.disconnect()
        self._card = None

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
