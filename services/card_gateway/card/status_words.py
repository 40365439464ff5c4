"""Status words: the two bytes that end every answer of a card, and how many tries they tell of.

Source: ISO/IEC 7816-4, 5.6; what cards really answer: NIST SP 800-73pt2-5, 3.2.1, and our own traces.
"""

from dataclasses import dataclass

OK = 0x9000
NO_ANSWER = 0x0000
"""Not a status word: what some drivers tell when the link dropped. Never a success."""
BLOCKED = 0x6983
BAD_DATA = 0x6A80
WRONG_LENGTH = 0x6700
NOT_SATISFIED = 0x6982
"""Not allowed; to the answer to a challenge: that answer was wrong."""
NO_CHALLENGE = 0x6985
"""To the answer to a challenge: there is none, it was lost or is spent."""
NOT_FOUND = 0x6A82

MORE_DATA = 0x6100  # with the count in the low byte; 00 means 256 or more
WRONG_LE = 0x6C00  # with the right length in the low byte
TRIES_LEFT = 0x63C0  # with the count in the low four bits
TRIES_MASK = 0xFFF0

_UNCHANGED = frozenset({0x67, 0x68, 0x69, 0x6A, 0x6B, 0x6D, 0x6E})
"""First bytes of "checking errors": the command was refused before it changed anything."""


@dataclass(frozen=True)
class Tries:
    """What a card said of a counter."""

    blocked: bool
    left: int | None
    """None where the card did not say: other words, or 9000 from a card that holds a verified PIN."""


def tries(sw: int) -> Tries:
    """Read the answer to a VERIFY without data, or to a wrong reference.

    A blocked counter is 63C0 on some cards and 6983 on others, so both count as blocked.
    """
    if sw in (BLOCKED, TRIES_LEFT):
        return Tries(blocked=True, left=0)
    if is_wrong_reference(sw):
        return Tries(blocked=False, left=sw & 0x0F)
    return Tries(blocked=False, left=None)


def is_wrong_reference(sw: int) -> bool:
    """True for 63CX: the PIN or PUK that was sent is not the card's, and a try was spent."""
    return sw & TRIES_MASK == TRIES_LEFT


def is_refusal(sw: int) -> bool:
    """True where the card refused without having changed anything.

    6400, 6581, 6F00, 6Cxx and an empty answer are not among them: after those nobody knows.
    """
    return sw >> 8 in _UNCHANGED
