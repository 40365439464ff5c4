"""The commands of PIV that our scripts use. Source: NIST SP 800-73pt2-5, 3; forms as cards took them."""

from services.card_gateway.card import apdu
from services.card_gateway.card.apdu import Command
from services.card_gateway.card.proof import Algorithm
from services.card_gateway.card.script import SLOT_LENGTH, Slot

APPLICATION = bytes.fromhex("A00000030800001000")  # without the version: cards of all versions answer
CHUID = bytes.fromhex("5FC102")
CERTIFICATE_9A = bytes.fromhex("5FC105")
CERTIFICATE_9E = bytes.fromhex("5FC101")
DISCOVERY = bytes.fromhex("7E")

PIN = 0x80  # the application PIN
PUK = 0x81
CARD_AUTHENTICATION_KEY = 0x9E  # signs without a PIN
AUTHENTICATION_KEY = 0x9A  # the holder's: signs once the PIN was verified

PIN_LENGTH = PUK_LENGTH = 8
"""Bytes, padded with FF."""

SIGNATURE_TEMPLATE = {
    Algorithm.P256: (Slot.DIGEST_P256, bytes.fromhex("7C2482008120")),
    Algorithm.RSA2048: (Slot.DIGEST_RSA2048, bytes.fromhex("7C820106820081820100")),
}
"""By algorithm: the slot, and what stands before it in the dynamic authentication template."""

SELECT = Command(0x00, apdu.SELECT, 0x04, 0x00, APPLICATION, le=0)
CLEAR_VERIFIED = Command(0x00, apdu.VERIFY, 0xFF, PIN)
"""Without it a card whose PIN was verified answers the question for its tries with 9000."""
TRIES = Command(0x00, apdu.VERIFY, 0x00, PIN)
"""VERIFY without data: asks, and spends nothing."""


CHANGE_PIN = Command(0x00, apdu.CHANGE_REFERENCE_DATA, 0x00, PIN, bytes(2 * PIN_LENGTH))
"""Replace the PIN of the slot's first half by that of its second."""


def get_data(object_tag: bytes) -> Command:
    """Read one data object."""
    return Command(0x00, apdu.GET_DATA, 0x3F, 0xFF, b"\x5c" + bytes([len(object_tag)]) + object_tag, le=0)


def get_metadata(reference: int) -> Command:
    """Ask what the card tells of a key or reference; not every card knows the command."""
    return Command(0x00, apdu.GET_METADATA, 0x00, reference, le=0)


VERIFY_PIN = Command(0x00, apdu.VERIFY, 0x00, PIN, bytes(PIN_LENGTH))
"""Verify the PIN of the slot; a wrong one spends a try."""


def sign(algorithm: Algorithm, key: int = CARD_AUTHENTICATION_KEY) -> Command:
    """Sign with the key what the agent puts into the slot after the template."""
    slot, template = SIGNATURE_TEMPLATE[algorithm]
    data = template + bytes(SLOT_LENGTH[slot])
    return Command(0x00, apdu.GENERAL_AUTHENTICATE, algorithm.value, key, data, le=0)


def reset_retry_counter(puk: bytes) -> Command:
    """Set the PIN of the slot, by the PUK. SECRET."""
    return Command(0x00, apdu.RESET_RETRY_COUNTER, 0x00, PIN, puk + bytes(PIN_LENGTH))


def change_puk(old: bytes, new: bytes) -> Command:
    """Replace the PUK. SECRET."""
    return Command(0x00, apdu.CHANGE_REFERENCE_DATA, 0x00, PUK, old + new)
