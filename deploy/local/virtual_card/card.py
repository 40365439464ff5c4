"""The PIV card: answers APDUs as the PIV cards did that were measured. Knows no reader and no fault."""

from deploy.local.virtual_card.application import Answer, Application
from deploy.local.virtual_card.framing import Apdu
from deploy.local.virtual_card.references import References
from deploy.local.virtual_card.signing import algorithm_of, sign

ATR = bytes.fromhex("3B80800101")
RID = bytes.fromhex("A000000308")
AID = bytes.fromhex("A000000308000010000100")
_AIDS = (RID, AID[:9], AID)
_TEMPLATE = (
    bytes.fromhex("61214F0BA0000003080000100001005009") + b"VIRTUALPV" + bytes.fromhex("79074F05A000000308")
)

_SECRET_INS = (0x20, 0x24, 0x2C)


class VirtualCard(Application):
    """One PIV card."""

    def _forget(self) -> None:
        self._references = References(self.eeprom)

    def _carries_secret(self, command: Apdu) -> bool:
        return command.ins in _SECRET_INS and command.cla == 0x00 and bool(command.data)

    def _answer(self, command: Apdu, data: bytes) -> Answer:
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
