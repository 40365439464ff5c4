"""The card itself: answers APDUs as the PIV cards did that were measured. Knows no reader and no fault."""

from collections.abc import Callable

from deploy.local.virtual_card.framing import Apdu, BadLength, Rest, parse
from deploy.local.virtual_card.references import References
from deploy.local.virtual_card.signing import algorithm_of, sign
from deploy.local.virtual_card.state import Eeprom

ATR = bytes.fromhex("3B80800101")
RID = bytes.fromhex("A000000308")
AID = bytes.fromhex("A000000308000010000100")
_AIDS = (RID, AID[:9], AID)
_TEMPLATE = (
    bytes.fromhex("61214F0BA0000003080000100001005009") + b"VIRTUALPV" + bytes.fromhex("79074F05A000000308")
)

Answer = tuple[bytes, int]
_SECRET_INS = (0x20, 0x24, 0x2C)


class VirtualCard:
    """One PIV card. `transmit` takes any APDU and always answers; `power_off` is what a reader does to it."""

    def __init__(self, eeprom: Eeprom, on_change: Callable[[], None] = lambda: None) -> None:
        self.eeprom = eeprom
        self._on_change = on_change
        self.power_off()

    def power_off(self) -> None:
        """Lose all that is kept in RAM: selection, verified PIN, unread data, an open chain."""
        self._selected = False
        self._rest = Rest(self.eeprom.parameters.frame)
        self._chain: tuple[tuple[int, int, int], bytes] | None = None
        self._broken_chain: tuple[int, int, int] | None = None
        self._references = References(self.eeprom)

    def transmit(self, apdu: bytes) -> bytes:
        """The answer to one APDU: data and two bytes of status word."""
        try:
            command = parse(apdu)
        except BadLength:
            return b"\x67\x00"
        data, sw = self._frame(command, *self._chained(command))
        if command.ins in _SECRET_INS and command.cla == 0x00 and command.data:
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
        return self._answer(command, gathered + command.data)

    def _answer(self, command: Apdu, data: bytes) -> Answer:
        if command.ins == 0xC0:
            return self._rest.give(command.le) if self._rest.data else (b"", 0x6985)
        if not self.eeprom.parameters.keeps_rest:
            self._rest.data = b""
        if command.ins == 0xA4:
            return self._select(command, data)
        if not self._selected:
            return b"", self.eeprom.parameters.not_selected
        if command.ins in _SECRET_INS:
            return b"", self._refer(command, data)
        if command.ins in (0xF7, 0xF8, 0xFD) and self.eeprom.parameters.metadata:
            return self._vendor(command)
        if command.ins == 0xCB:
            return self._get_data(command, data)
        if command.ins == 0x87:
            return self._general_authenticate(command, data)
        # Writing needs the management key, which this card never had.
        return b"", 0x6982 if command.ins in (0xDB, 0x47) else 0x6D00

    def _refer(self, command: Apdu, data: bytes) -> int:
        does = {
            0x20: self._references.verify,
            0x24: self._references.change,
            0x2C: self._references.reset_retry_counter,
        }
        return does[command.ins](command.p1, command.p2, data)

    def _select(self, command: Apdu, data: bytes) -> Answer:
        if command.p1 != 0x04:
            return b"", 0x6A86
        if data not in _AIDS:
            return b"", 0x6A82  # and what was selected stays selected
        self._selected = True
        return _TEMPLATE, 0x9000

    def _get_data(self, command: Apdu, data: bytes) -> Answer:
        if (command.p1, command.p2) != (0x3F, 0xFF):
            return b"", 0x6A86
        if data[:1] != b"\x5c" or len(data) < 3 or len(data) != 2 + data[1]:
            return b"", 0x6A80
        found = self.eeprom.objects.get(data[2:].hex().upper())
        return (b"", 0x6A82) if found is None else (found, 0x9000)

    def _general_authenticate(self, command: Apdu, data: bytes) -> Answer:
        key = self.eeprom.keys.get(f"{command.p2:02X}")
        if key is None:
            return b"", 0x6A88
        if command.p2 != 0x9E and not self._references.pin_verified:
            return b"", 0x6982
        return sign(key, command.p1, data)

    def _vendor(self, command: Apdu) -> Answer:
        if command.ins == 0xFD:
            return b"\x05\x04\x00", 0x9000
        if command.ins == 0xF8:
            return self.eeprom.guid[-4:], 0x9000
        described = self._references.metadata(command.p2)
        if described is not None:
            return described, 0x9000
        key = self.eeprom.keys.get(f"{command.p2:02X}")
        return (b"", 0x6A88) if key is None else (bytes([0x01, 0x01, algorithm_of(key)]), 0x9000)
