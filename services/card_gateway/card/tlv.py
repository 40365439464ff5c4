"""BER-TLV as cards use it: one level at a time, lengths up to 65,535, no indefinite form.

Source: ISO/IEC 7816-4, 5.2.2; ISO/IEC 8825-1.
"""

from collections.abc import Iterator


class Malformed(ValueError):
    """The bytes are not BER-TLV. Carries none of them."""


def parse(data: bytes) -> list[tuple[int, bytes]]:
    """The elements of one level, in order. Raises Malformed; trailing 00 and FF are padding."""
    return list(_elements(data))


def find(data: bytes, *path: int) -> bytes | None:
    """The value under the first elements with these tags, from the outside in; None if there is none."""
    value: bytes | None = data
    for tag in path:
        if value is None:
            return None
        value = next((inner for found, inner in parse(value) if found == tag), None)
    return value


def encode(tag: int, value: bytes) -> bytes:
    """One element. Tags have one to three bytes, values fewer than 65,536."""
    return tag.to_bytes(max(1, (tag.bit_length() + 7) // 8), "big") + _length(len(value)) + value


def _length(count: int) -> bytes:
    if count < 0x80:
        return bytes([count])
    size = 1 if count < 0x100 else 2
    return bytes([0x80 | size]) + count.to_bytes(size, "big")


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data) and data[at:].strip(b"\x00\xff"):
        tag, at = _read_tag(data, at)
        length, at = _read_length(data, at)
        if at + length > len(data):
            raise Malformed("an element is longer than what holds it")
        yield tag, data[at : at + length]
        at += length


def _read_tag(data: bytes, at: int) -> tuple[int, int]:
    end = at + 1
    if data[at] & 0x1F == 0x1F:
        while end < len(data) and data[end] & 0x80 and end - at < 3:
            end += 1
        end += 1
    if end > len(data) or end - at > 3:
        raise Malformed("a tag is cut off or too long")
    return int.from_bytes(data[at:end], "big"), end


def _read_length(data: bytes, at: int) -> tuple[int, int]:
    if at >= len(data):
        raise Malformed("a length is missing")
    first = data[at]
    if first < 0x80:
        return first, at + 1
    size = first & 0x7F
    if size not in (1, 2) or at + 1 + size > len(data):
        raise Malformed("a length is cut off or of a form no card uses")
    return int.from_bytes(data[at + 1 : at + 1 + size], "big"), at + 1 + size
