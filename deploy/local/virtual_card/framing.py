"""From APDU bytes to a command, short or extended, and from an answer to its frames.

Source: ISO/IEC 7816-3, 12.1; ISO/IEC 7816-4, 5.2 and 5.3. Written apart from `services`' own reader of
the same formats, so that one cannot hide a mistake of the other.
"""

from dataclasses import dataclass, field


class BadLength(ValueError):
    """The bytes are no APDU: 6700."""


@dataclass(frozen=True)
class Apdu:
    """One command as it came over the wire."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = field(repr=False)
    le: int | None
    """Bytes wanted; 256 for 00; None without Le. An extended Le counts as 256."""


def parse(apdu: bytes) -> Apdu:
    """Take an APDU apart. Raises BadLength."""
    if len(apdu) < 4:
        raise BadLength
    cla, ins, p1, p2 = apdu[:4]
    data, le = _body(apdu[4:])
    return Apdu(cla, ins, p1, p2, data, le)


def _body(body: bytes) -> tuple[bytes, int | None]:
    if not body:
        return b"", None
    if len(body) == 1:
        return b"", body[0] or 256
    if body[0] == 0 and len(body) >= 3:
        return _extended(body[1:])
    length, rest = body[0], body[1:]
    return _split(length, rest, (0, 1))


def _extended(body: bytes) -> tuple[bytes, int | None]:
    if len(body) == 2:
        return b"", 256
    return _split(int.from_bytes(body[:2], "big"), body[2:], (0, 2))


def _split(length: int, rest: bytes, le_sizes: tuple[int, int]) -> tuple[bytes, int | None]:
    data, le = rest[:length], rest[length:]
    if len(data) < length or len(le) not in le_sizes or not length:
        raise BadLength
    return data, None if not le else int.from_bytes(le, "big") or 256


@dataclass
class Rest:
    """The part of a long answer that waits for GET RESPONSE."""

    frame: int
    """Bytes in one frame: 255 or 256."""
    data: bytes = b""

    def give(self, le: int | None) -> tuple[bytes, int]:
        """The next frame and its status word."""
        size = min(self.frame, self.frame if le is None else le)
        given, self.data = self.data[:size], self.data[size:]
        left = min(len(self.data), self.frame)
        return given, (0x6100 | left & 0xFF) if left else 0x9000


def element(tag: int, value: bytes) -> bytes:
    """One BER-TLV element with a tag of one byte."""
    count = len(value)
    if count < 0x80:
        return bytes([tag, count]) + value
    if count < 0x100:
        return bytes([tag, 0x81, count]) + value
    return bytes([tag, 0x82]) + count.to_bytes(2, "big") + value
