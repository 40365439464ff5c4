"""Answers to security questions as argon2id hashes (RFC 9106), made beside the event loop."""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from argon2.profiles import RFC_9106_LOW_MEMORY

MOST_AT_ONCE = 1
"""Of those that are set, and of those that are judged: each takes 64 MiB and about 0.15 s of a processor, and
more of them at once would not be sooner. Apart, so that nobody who sets answers holds up who answers."""


class Argon2Answers:
    """The port `AnswerHashes`; RFC 9106's second recommended option: 64 MiB, 3 passes, 4 lanes."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        self._set_turn, self._judge_turn = asyncio.Semaphore(MOST_AT_ONCE), asyncio.Semaphore(MOST_AT_ONCE)

    async def hash(self, secret: str) -> str:
        """Return the hash, with its salt and parameters in it."""
        async with self._set_turn:
            return await asyncio.to_thread(self._hasher.hash, secret)

    async def matches(self, known: str, secret: str) -> bool:
        """Tell whether a hash is of this text."""
        async with self._judge_turn:
            return await asyncio.to_thread(self._judged, known, secret)

    def _judged(self, known: str, secret: str) -> bool:
        try:
            return self._hasher.verify(known, secret)
        except VerifyMismatchError:
            return False
