"""How long to wait before the next try: doubling, with jitter, so that many agents do not return at once."""

from collections.abc import Callable

LONGEST_ASKED = 300.0
"""Seconds that the other side may ask for; it may be wrong, or not ours."""


class Backoff:
    """Waits of a run of failures, in seconds."""

    def __init__(self, first: float, last: float, share: Callable[[], float]) -> None:
        """`share` returns a random number from 0 to 1."""
        self._first, self._last, self._share = first, last, share
        self._next = first

    def again(self, at_least: float = 0.0) -> float:
        """Return the next wait: between half of the present step and all of it.

        Not before `at_least`, which the other side asked for, and then up to half as much later: many were
        told the same.
        """
        step = self._next
        self._next = min(self._last, step * 2)
        share = self._share()
        return max(step * (0.5 + share / 2), min(at_least, LONGEST_ASKED) * (1 + share / 2))

    def reset(self) -> None:
        """Begin again: something worked."""
        self._next = self._first
