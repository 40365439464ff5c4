"""The commands of GIDS that our scripts use.

Source: Generic Identity Device Specification 2.0; forms as GidsApplet took them (design `cards.md`, 3).
"""

from services.card_gateway.card import apdu
from services.card_gateway.card.apdu import Command
from services.card_gateway.card.script import SLOT_LENGTH, Slot

APPLICATION = bytes.fromhex("A00000039742544659")

SELECT = Command(0x00, apdu.SELECT, 0x04, 0x00, APPLICATION, le=0)
CARD_ID = Command(0x00, apdu.GET_DATA, 0xA0, 0x12, bytes.fromhex("5C02DF20"), le=0)
PIN_STATUS = Command(0x00, apdu.GET_DATA, 0x3F, 0xFF, bytes.fromhex("5C027F71"), le=0)
"""Tries of the PIN: told also while it is blocked or verified, and spends nothing."""
CHOOSE_ADMIN_KEY = Command(0x00, apdu.MANAGE_SECURITY_ENVIRONMENT, 0xC1, 0xA4, bytes.fromhex("830180"))
CHALLENGE_OFFSET = 4
CHALLENGE = Command(
    0x00,
    apdu.GENERAL_AUTHENTICATE,
    0x00,
    0x00,
    bytes.fromhex("7C128110") + bytes(SLOT_LENGTH[Slot.CHALLENGE]),
    le=0,
)
"""Give the card a challenge, for mutual authentication, and get its own."""
SET_PIN = Command(0x00, apdu.RESET_RETRY_COUNTER, 0x02, 0x80)
"""Set the PIN of the slot; only for an admin who has just been authenticated."""


def answer_challenge(answer: bytes) -> Command:
    """Answer the card's challenge, and get its answer to ours. SECRET."""
    data = bytes.fromhex("7C2A8228") + answer
    return Command(0x00, apdu.GENERAL_AUTHENTICATE, 0x00, 0x00, data, le=0)
