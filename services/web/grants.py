"""A grant that names many roles, made small enough for a cookie.

Its three parts are base64url of mostly repeated words, which the cookie would encode once more; taken out of
it they shrink to a third. Nothing is judged here: to web a grant is opaque.
"""

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode

LONG = 1200
"""Characters. A shorter grant is kept as it is: replicas of the version before read it too."""
MARK = "~"
"""Begins what is packed; no grant begins with it."""
MOST_BYTES = 65_536
"""Of an unpacked grant."""


def packed(grant: str) -> str:
    """Return the grant as a cookie keeps it."""
    if len(grant) < LONG:
        return grant
    try:
        raw = b"\n".join(_bytes(part) for part in grant.split("."))
        small = MARK + _text(zlib.compress(raw, 9))
        return small if unpacked(small) == grant else grant
    except ValueError:
        return grant


def unpacked(kept: str) -> str:
    """Return the grant. Raises ValueError for what `packed` never made."""
    if not kept.startswith(MARK):
        return kept
    try:
        raw = zlib.decompressobj().decompress(_bytes(kept[1:]), MOST_BYTES)
    except zlib.error as error:
        raise ValueError("not a packed grant") from error
    if not raw:
        raise ValueError("not a packed grant")
    return ".".join(_text(part) for part in raw.split(b"\n", 2))


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
