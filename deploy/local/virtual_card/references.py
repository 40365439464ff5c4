"""PIN and PUK of a virtual card: their tries, and the three commands that change them.

The order of checks is what makes a card honest: form first (free), then blocked, then the counter goes
down before anything is compared.
"""

from deploy.local.virtual_card.framing import element
from deploy.local.virtual_card.state import LENGTH, Eeprom

PIN = 0x80
PUK = 0x81


class References:
    """The references of one card, and what is true of them until the power goes."""

    def __init__(self, eeprom: Eeprom) -> None:
        self._eeprom = eeprom
        self._parameters = eeprom.parameters
        self.pin_verified = False
        self._puk_lingers = False

    def verify(self, p1: int, p2: int, data: bytes) -> int:
        """VERIFY, or without data the question for the tries."""
        if p1 not in (0x00, 0xFF):
            return 0x6A86
        if p2 != PIN:
            return 0x6A88
        if p1 == 0xFF:
            self.pin_verified = self.pin_verified and bool(data)
            return 0x6A80 if data else 0x9000
        if not data:
            return 0x9000 if self.pin_verified else self._tries_of_pin()
        if len(data) != LENGTH:
            return 0x6A80
        self.pin_verified = False
        sw = self._compare_pin(data)
        self.pin_verified = sw == 0x9000
        return sw

    def reset_retry_counter(self, p1: int, p2: int, data: bytes) -> int:
        """Set a new PIN by the PUK."""
        if p1 != 0x00 or p2 != PIN:
            return 0x6A86 if p1 != 0x00 else 0x6A88
        if len(data) != 2 * LENGTH:
            return 0x6A80
        if self._parameters.only_when_blocked and self._eeprom.pin_left:
            return 0x6985
        sw = self._compare_puk(data[:LENGTH])
        if sw != 0x9000:
            return sw
        if not self._takes_pin(data[LENGTH:]):
            return 0x6A80
        self._set_pin(data[LENGTH:])
        self.pin_verified = False
        self._puk_lingers = self._parameters.quirk67
        return 0x9000

    def change(self, p1: int, p2: int, data: bytes) -> int:
        """Replace PIN or PUK by its old value."""
        if p1 != 0x00 or p2 not in (PIN, PUK):
            return 0x6A86 if p1 != 0x00 else 0x6A88
        if len(data) != 2 * LENGTH:
            return 0x6A80
        if p2 == PUK and self._parameters.change_puk != 0x9000:
            return self._parameters.change_puk
        old, new = data[:LENGTH], data[LENGTH:]
        sw = self._compare_pin(old) if p2 == PIN else self._compare_puk(old)
        if sw != 0x9000:
            return sw
        if not (self._takes_pin(new) if p2 == PIN else _is_padded(new)):
            return 0x6A80
        if p2 == PIN:
            self._set_pin(new)
        else:
            self._eeprom.puk, self._eeprom.puk_is_default = new, False
        return 0x9000

    def metadata(self, reference: int) -> bytes | None:
        """What GET METADATA tells of PIN or PUK; None for anything else."""
        if reference not in (PIN, PUK):
            return None
        eeprom, limits = self._eeprom, self._parameters
        default = int(reference == PUK and eeprom.puk_is_default)
        pin, puk = (limits.pin_tries, eeprom.pin_left), (limits.puk_tries, eeprom.puk_left)
        counts = bytes(pin if reference == PIN else puk)
        return element(0x01, b"\xff") + element(0x05, bytes([default])) + element(0x06, counts)

    def _tries_of_pin(self) -> int:
        left = self._eeprom.pin_left
        return 0x63C0 | min(left, 15) if left else 0x6983

    def _compare_pin(self, value: bytes) -> int:
        if not self._eeprom.pin_left:
            return 0x6983
        self._eeprom.pin_left -= 1
        if value == self._eeprom.pin:
            self._eeprom.pin_left = self._parameters.pin_tries
            return 0x9000
        self._eeprom.wrong_pin_tries += 1
        return self._wrong(self._eeprom.pin_left)

    def _compare_puk(self, value: bytes) -> int:
        if not self._eeprom.puk_left:
            return 0x6983
        self._eeprom.puk_left -= 1
        if value == self._eeprom.puk or self._puk_lingers:
            self._eeprom.puk_left = self._parameters.puk_tries
            return 0x9000
        self._eeprom.wrong_puk_tries += 1
        return self._wrong(self._eeprom.puk_left)

    def _wrong(self, left: int) -> int:
        return 0x63C0 | min(left, 15) if left else self._parameters.last_wrong

    def _takes_pin(self, pin: bytes) -> bool:
        history = self._parameters.pin_history
        known = [*self._eeprom.earlier_pins, self._eeprom.pin]
        if not _is_padded(pin) or (history and pin in known[-history:]):
            return False
        digits = pin.rstrip(b"\xff").isdigit()
        return digits or not self._parameters.pin_digits_only

    def _set_pin(self, pin: bytes) -> None:
        if self._parameters.pin_history:
            self._eeprom.earlier_pins.append(self._eeprom.pin)
        self._eeprom.pin, self._eeprom.pin_left = pin, self._parameters.pin_tries


def _is_padded(value: bytes) -> bool:
    """Six to eight bytes, then FF to the end, none inside."""
    plain = value.rstrip(b"\xff")
    return 6 <= len(plain) <= LENGTH and b"\xff" not in plain
