"""How often a call may be made from one network: a token bucket a source, in this process only."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

SOURCES = 10_000
"""Buckets kept; the one that was asked for longest ago goes first, and comes back full."""

LONGEST_HINT = 60.0
"""Seconds after which a refused caller is told to come again, at the longest."""


@dataclass
class _Bucket:
    tokens: float
    at: float
    turn: float
    """When the last refused caller may come: each is given a turn of its own, so that none comes in vain."""


class Rates:
    """The buckets of one call."""

    def __init__(self, burst: int, per_second: float, now: Callable[[], float] = time.monotonic) -> None:
        """`burst` calls at once; then `per_second`."""
        self._burst, self._per_second, self._now = burst, per_second, now
        self._buckets: dict[str, _Bucket] = {}

    def take(self, source: str) -> float:
        """Count a call. 0 where it may be made, else in how many seconds the caller may come again."""
        now = self._now()
        bucket = self._buckets.pop(source, None) or _Bucket(self._burst, now, now)
        self._buckets[source] = bucket
        if len(self._buckets) > SOURCES:
            del self._buckets[next(iter(self._buckets))]
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._per_second)
        bucket.at = now
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            return 0.0
        bucket.turn = min(max(bucket.turn, now) + 1 / self._per_second, now + LONGEST_HINT)
        return float(max(1, math.ceil(bucket.turn - now)))
