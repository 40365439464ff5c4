"""Randomness that a seed replays. Never for a running process."""

import random
from uuid import UUID


class SeededRandomness:
    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._count = 0

    def token(self, size: int = 32) -> bytes:
        return self._random.randbytes(size)

    def uuid7(self) -> str:
        self._count += 1
        raw = (self._count << 80) | self._random.getrandbits(76)
        return str(UUID(int=raw & ~(0xF << 76) | (7 << 76)))

    def digits(self, count: int) -> str:
        return "".join(self._random.choice("0123456789") for _ in range(count))
