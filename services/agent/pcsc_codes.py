"""PC/SC codes and states that the agent decides on, and what each means for a step.

Values are the same on every platform. Source: pcsc-lite `pcsclite.h`, Windows `winscard.h`; which of them
really come, and when: design `cards.md`, 6.
"""

from services.card_gateway.card.apdu import CardFault, CardGone, CardWasReset
from services.card_gateway.card.script import End

TIMEOUT = 0x8010000A
SHARING_VIOLATION = 0x8010000B  # another program holds the card for itself
NO_SMARTCARD = 0x8010000C
NO_SERVICE = 0x8010001D
UNKNOWN_READER = 0x80100009
SERVICE_STOPPED = 0x8010001E
NO_ACCESS = 0x80100027
NO_READERS = 0x8010002E
UNRESPONSIVE_CARD = 0x80100066
RESET_CARD = 0x80100068
REMOVED_CARD = 0x80100069
SECURITY_VIOLATION = 0x8010006A  # polkit or the service's own rules say no

STATE_CHANGED = 0x0002
STATE_EMPTY = 0x0010
STATE_PRESENT = 0x0020
STATE_MUTE = 0x0200
STATE_STORAGE_CARD = 0x8000  # ours, not PC/SC's: the card's ATR is one that readers make up without contacts
STORAGE_CARD_ATR = bytes.fromhex("3B8F8001804F")
"""How every such ATR begins. Source: PC/SC part 3, contactless storage cards."""
COUNTER_SHIFT = 16  # above it: how often a card came or went in this reader


_CANNOT_HOLD = {
    SHARING_VIOLATION: (End.READER_BUSY, "READER_BUSY"),
    UNRESPONSIVE_CARD: (End.CARD_GONE, "CARD_MUTE"),
    NO_SERVICE: (End.CARD_GONE, "READER_SERVICE_DOWN"),
    SERVICE_STOPPED: (End.CARD_GONE, "READER_SERVICE_DOWN"),
}


def cannot_hold(code: int) -> tuple[End, str]:
    """Return how a step ends whose card could not be taken, and the word for it; nothing was sent."""
    return _CANNOT_HOLD.get(code, (End.CARD_GONE, "CARD_REMOVED"))


def card_fault(code: int) -> CardFault:
    """Return what the card library shall make of an error during a script.

    Anything but a reset means that it is not known whether the card acted.
    """
    return CardWasReset() if code == RESET_CARD else CardGone()
