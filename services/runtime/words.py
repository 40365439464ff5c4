"""Three words that a page and an agent both show, so that a person sees that they belong together."""

import hashlib
from functools import cache
from pathlib import Path

BITS = 10
"""Bits a word: the list has 1,024."""


def matching_words(session_id: str, agent_public_key: bytes) -> tuple[str, str, str]:
    """Return the three words of a session and its agent's key, out of a list of our own."""
    digest = hashlib.sha256(b"smartcard-unlock/words/v1" + session_id.encode() + agent_public_key).digest()
    bits = int.from_bytes(digest[:4], "big") >> 2
    words = _words()
    return words[bits >> 20], words[bits >> 10 & 1023], words[bits & 1023]


@cache
def _words() -> tuple[str, ...]:
    words = tuple(Path(__file__).with_name("words.txt").read_text(encoding="ascii").split())
    if len(words) != 1 << BITS:
        raise ValueError("the list of words is not 1,024 long")
    return words
