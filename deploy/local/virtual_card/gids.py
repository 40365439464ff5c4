"""The GIDS card: a minidriver card whose PIN an admin key sets, as GidsApplet answers. Knows no fault.

Source: design `cards.md`, 3; the applet has no counter of wrong responses, real cards do: a parameter.
"""

import hmac
import secrets
from typing import Literal

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from deploy.local.virtual_card.application import Answer, Application
from deploy.local.virtual_card.framing import Apdu

AID = bytes.fromhex("A00000039742544659")
_TEMPLATE = bytes.fromhex("61124F0B") + AID + bytes.fromhex("0201" + "7303" + "4001C0")
_ADMIN_KEY = bytes.fromhex("830180")  # control reference template: key 80
_CARD_ID = ((0xA0, 0x12), bytes.fromhex("5C02DF20"))
_STATUS = [((0x3F, 0xFF), bytes.fromhex("5C02" + tag)) for tag in ("7F71", "7F72")]
MIN_PIN, MAX_PIN = 4, 16
PIN_REFERENCES = (0x80, 0x00)

State = Literal["", "external", "mutual", "admin"]


class VirtualGids(Application):
    """One GIDS card."""

    def _forget(self) -> None:
        self._state: State = ""
        self._challenge = self._other_challenge = b""
        self._key_chosen = False

    def _carries_secret(self, command: Apdu) -> bool:
        response = command.ins == 0x87 and command.data[2:3] == b"\x82"
        return response or (command.ins in (0x20, 0x24, 0x2C) and bool(command.data))

    def _answer(self, command: Apdu, data: bytes) -> Answer:
        if command.ins == 0xA4:
            return self._select(command, data)
        if not self._selected:
            return b"", self.eeprom.parameters.not_selected
        if command.ins == 0x20:
            return b"", self._verify(command, data)
        if command.ins == 0x22:
            return b"", self._manage_security_environment(command, data)
        if command.ins == 0x2C:
            return b"", self._reset_retry_counter(command, data)
        if command.ins == 0x87:
            return self._general_authenticate(command, data)
        if command.ins == 0xCB:
            return self._get_data(command, data)
        return b"", 0x6982 if command.ins in (0xDB, 0x24) else 0x6D00

    def _select(self, command: Apdu, data: bytes) -> Answer:
        if command.p1 != 0x04:
            return b"", 0x6A86
        if data != AID:
            return b"", 0x6A82  # and what was selected stays selected
        self._forget()  # also when it was selected: it is deselected first
        self._selected = True
        return _TEMPLATE, 0x9000

    def _get_data(self, command: Apdu, data: bytes) -> Answer:
        wanted = ((command.p1, command.p2), data)
        if wanted == _CARD_ID:
            return b"\xdf\x20\x10" + self.eeprom.guid, 0x9000
        if wanted in _STATUS:
            left, limit = self.eeprom.pin_left, self.eeprom.parameters.pin_tries
            return data[2:] + bytes([0x06, 0x97, 0x01, left, 0x93, 0x01, limit]), 0x9000
        return b"", 0x6A88

    def _verify(self, command: Apdu, data: bytes) -> int:
        """VERIFY; without data the question for the tries, which no verified PIN hides."""
        if command.p1 != 0x00:
            return 0x6A86
        if command.p2 not in PIN_REFERENCES:
            return 0x6A88
        left = self.eeprom.pin_left
        if not left:
            return 0x6983
        if not MIN_PIN <= len(data) <= MAX_PIN:
            return 0x63C0 | left
        self.eeprom.pin_left -= 1
        if data == self.eeprom.pin:
            self.eeprom.pin_left = self.eeprom.parameters.pin_tries
            return 0x9000
        self.eeprom.wrong_pin_tries += 1
        return 0x63C0 | self.eeprom.pin_left

    def _manage_security_environment(self, command: Apdu, data: bytes) -> int:
        if (command.p1, command.p2) != (0xC1, 0xA4):
            return 0x6A86
        if data != _ADMIN_KEY:
            return 0x6A88
        self._key_chosen = True
        return 0x9000

    def _general_authenticate(self, command: Apdu, data: bytes) -> Answer:
        if (command.p1, command.p2) != (0x00, 0x00):
            return b"", 0x6A86
        if data[:1] != b"\x7c" or len(data) < 4 or data[1] != len(data) - 2 or data[3] != len(data) - 4:
            return b"", 0x6984
        if data[2] == 0x81:
            return self._give_challenge(data[4:])
        return self._take_response(data[4:]) if data[2] == 0x82 else (b"", 0x6984)

    def _give_challenge(self, other: bytes) -> Answer:
        if len(other) not in (0, 16):
            return b"", 0x6984
        self._state, self._other_challenge = "mutual" if other else "external", other
        self._challenge = secrets.token_bytes(16 if other else 8)
        inner = bytes([0x81, len(self._challenge)]) + self._challenge
        return bytes([0x7C, len(inner)]) + inner, 0x9000

    def _take_response(self, response: bytes) -> Answer:
        """Judge the answer to the one challenge there is; right or wrong, the challenge is spent."""
        state, mine, other = self._state, self._challenge, self._other_challenge
        if state not in ("external", "mutual"):
            return b"", 0x6985
        if not self._key_chosen:
            return b"", 0x6F00
        self._state, self._challenge, self._other_challenge = "", b"", b""
        limit = self.eeprom.parameters.admin_tries
        if limit and not self.eeprom.admin_left:
            return b"", 0x6983
        self.eeprom.admin_left -= bool(limit)
        if not self._is_right(state, mine, other, response):
            self.eeprom.wrong_admin_tries += 1
            return b"", 0x6982
        self.eeprom.admin_left, self._state = limit, "admin"
        if state == "external":
            return b"", 0x9000
        proof = self._cipher(other + mine + secrets.token_bytes(7) + b"\x80")
        return b"\x7c\x2a\x82\x28" + proof, 0x9000

    def _is_right(self, state: State, mine: bytes, other: bytes, response: bytes) -> bool:
        if state == "external":
            return hmac.compare_digest(self._cipher(mine), response)
        if len(response) != 40:
            return False
        plain = self._cipher(response, decrypt=True)
        return hmac.compare_digest(plain[:32], mine + other) and plain[39] == 0x80

    def _cipher(self, data: bytes, *, decrypt: bool = False) -> bytes:
        cipher = Cipher(TripleDES(self.eeprom.admin_key), modes.CBC(bytes(8)))
        context = cipher.decryptor() if decrypt else cipher.encryptor()
        return context.update(data) + context.finalize()

    def _reset_retry_counter(self, command: Apdu, data: bytes) -> int:
        """Set the PIN, for an admin that is authenticated; the state is dropped after it."""
        if command.p1 != 0x02:
            return 0x6A86
        if command.p2 != 0x80:
            return 0x6A88
        if self._state != "admin":
            return 0x6982
        if not MIN_PIN <= len(data) <= MAX_PIN:
            return 0x6700
        if self.eeprom.parameters.only_when_blocked and self.eeprom.pin_left:
            return 0x6985
        history = self.eeprom.parameters.pin_history
        if history and data in [*self.eeprom.earlier_pins, self.eeprom.pin][-history:]:
            return 0x6A80
        if history:
            self.eeprom.earlier_pins.append(self.eeprom.pin)
        self.eeprom.pin, self.eeprom.pin_left = data, self.eeprom.parameters.pin_tries
        self._forget()
        return 0x9000
