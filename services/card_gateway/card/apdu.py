"""One command to a card and its whole answer: chaining, GET RESPONSE, and limits on both.

Source: ISO/IEC 7816-4, 5.3. Every card understands command chaining; many readers lack extended
APDUs, so only short ones are sent.
"""

from dataclasses import dataclass, field
from typing import Protocol

from services.card_gateway.card.status_words import MORE_DATA, NO_ANSWER, OK, WRONG_LE

SELECT = 0xA4
GET_DATA = 0xCB
GET_RESPONSE = 0xC0
VERIFY = 0x20
CHANGE_REFERENCE_DATA = 0x24
RESET_RETRY_COUNTER = 0x2C  # ISO/IEC 7816-4; for PIV: NIST SP 800-73pt2-5, 3.2.3
GENERAL_AUTHENTICATE = 0x87
MANAGE_SECURITY_ENVIRONMENT = 0x22
GET_METADATA = 0xF7  # vendor command, answered by YubiKey from 5.3 and by others

CHAINED = 0x10
"""Bit of CLA that says: more of this command follows."""
MAX_FRAME_DATA = 255
MAX_ANSWER = 8 * 1024
"""Bytes of one whole answer; the largest certificate object seen is under 4 KiB."""
MAX_FRAMES = 64
MAX_EMPTY_FRAMES = 2
"""Frames in a row without a new byte, after which a card is held to be playing for time."""


class CardFault(Exception):
    """The card or the way to it failed. Carries no bytes of a command or an answer."""


class CardGone(CardFault):
    """Removed, link dropped or an empty answer: whether the card acted is not known."""


class CardWasReset(CardFault):
    """Another program reset the card; nothing is selected any more."""


class CardTimeout(CardFault):
    """No answer within the port's own limit."""


class AnswerTooLong(CardFault):
    """More data or more frames than any honest answer has."""


class CardPort(Protocol):
    """A way to one card.

    `transmit` sends one short APDU and returns the data and status word of its answer. It neither
    fetches the rest after 61xx nor sends anything twice. Raises CardGone, CardWasReset, CardTimeout.
    """

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        """Send one APDU."""
        ...


@dataclass(frozen=True)
class Command:
    """One logical command; its data may be longer than a frame. Data is kept out of `repr`."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = field(default=b"", repr=False)
    le: int | None = None
    """Expected length; 0 means 256, None means no Le."""

    def frames(self) -> list[bytes]:
        """The APDUs to send: all but the last are chained and carry no Le."""
        starts = range(0, max(1, len(self.data)), MAX_FRAME_DATA)
        chunks = [self.data[start : start + MAX_FRAME_DATA] for start in starts]
        rest = bytes([self.ins, self.p1, self.p2])
        chained = [bytes([self.cla | CHAINED]) + rest + _field(chunk) for chunk in chunks[:-1]]
        le = b"" if self.le is None else bytes([self.le])
        return [*chained, bytes([self.cla]) + rest + _field(chunks[-1]) + le]


@dataclass(frozen=True)
class Response:
    """The whole answer to one command."""

    data: bytes = field(repr=False)
    sw: int


def exchange(card: CardPort, command: Command) -> Response:
    """Send one command and fetch all of its answer.

    Raises CardFault: then it is not known whether the card acted.
    """
    *chained, last = command.frames()
    for frame in chained:
        response = _send(card, frame)
        if response.sw != OK:
            return response
    response = _send(card, last)
    if response.sw & 0xFF00 == WRONG_LE and command.ins in (SELECT, GET_DATA) and command.le is not None:
        # Only commands that cannot spend a try are ever sent twice.
        response = _send(card, last[:-1] + bytes([response.sw & 0xFF]))
    return _fetch_rest(card, response)


def _fetch_rest(card: CardPort, response: Response) -> Response:
    """Follow 61xx. Only an answer that itself says 61xx has a rest: cards keep stale data."""
    data, sw, empty = response.data, response.sw, 0
    for _ in range(MAX_FRAMES):
        if len(data) > MAX_ANSWER or empty == MAX_EMPTY_FRAMES:
            break
        if sw & 0xFF00 != MORE_DATA:
            return Response(data, sw)
        more = _send(card, bytes([0x00, GET_RESPONSE, 0x00, 0x00, sw & 0xFF]))
        empty = 0 if more.data else empty + 1
        data, sw = data + more.data, more.sw
    raise AnswerTooLong


def _send(card: CardPort, frame: bytes) -> Response:
    data, sw = card.transmit(frame)
    if sw == NO_ANSWER:
        raise CardGone
    return Response(data, sw)


def _field(data: bytes) -> bytes:
    return bytes([len(data)]) + data if data else b""
