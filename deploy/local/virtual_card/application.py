"""What all virtual cards have in common: frames, chains, unread data, and a log of what carried a secret."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from deploy.local.virtual_card.framing import Apdu, BadLength, Rest, parse
from deploy.local.virtual_card.state import Eeprom

Answer = tuple[bytes, int]


class Application(ABC):
    """One card. `transmit` takes any APDU and always answers; `power_off` is what a reader does to it."""

    def __init__(self, eeprom: Eeprom, on_change: Callable[[], None] = lambda: None) -> None:
        self.eeprom = eeprom
        self._on_change = on_change
        self.power_off()

    def power_off(self) -> None:
        """Lose all that is kept in RAM: selection, verified references, unread data, an open chain."""
        self._selected = False
        self._rest = Rest(self.eeprom.parameters.frame)
        self._chain: tuple[tuple[int, int, int], bytes] | None = None
        self._broken_chain: tuple[int, int, int] | None = None
        self._forget()

    @abstractmethod
    def _forget(self) -> None:
        """Lose what this application keeps in RAM."""

    @abstractmethod
    def _answer(self, command: Apdu, data: bytes) -> Answer:
        """Answer one whole command; `data` is that of all its chained parts."""

    @abstractmethod
    def _carries_secret(self, command: Apdu) -> bool:
        """True for what the log keeps and what may change the card."""

    def transmit(self, apdu: bytes) -> bytes:
        """The answer to one APDU: data and two bytes of status word."""
        try:
            command = parse(apdu)
        except BadLength:
            return b"\x67\x00"
        data, sw = self._frame(command, *self._chained(command))
        if self._carries_secret(command):
            self.eeprom.log.append((command.ins, command.p2, sw))
            self._on_change()
        return data + sw.to_bytes(2, "big")

    def _frame(self, command: Apdu, data: bytes, sw: int) -> Answer:
        if command.ins == 0xC0 or sw != 0x9000 or not data:
            return data, sw
        self._rest.data = data
        return self._rest.give(command.le)

    def _chained(self, command: Apdu) -> Answer:
        """Gather a chain; hand its whole command on with the last part."""
        if command.cla not in (0x00, 0x10):
            return b"", 0x6E00
        header = (command.ins, command.p1, command.p2)
        if self._chain is not None and self._chain[0] != header:
            self._broken_chain, self._chain = self._chain[0], None
        if command.cla == 0x10:
            gathered = self._chain[1] if self._chain else b""
            self._chain = (header, gathered + command.data)
            return b"", 0x9000
        if self._chain is None and self._broken_chain == header and command.data[:1] != b"\x7c":
            self._broken_chain = None
            return b"", 0x6984
        gathered, self._chain = (self._chain[1] if self._chain else b""), None
        return self._whole(command, gathered + command.data)

    def _whole(self, command: Apdu, data: bytes) -> Answer:
        if command.ins == 0xC0:
            return self._rest.give(command.le) if self._rest.data else (b"", 0x6985)
        if not self.eeprom.parameters.keeps_rest:
            self._rest.data = b""
        return self._answer(command, data)
