"""How long to wait before the next try: doubling, with jitter, so that many agents do not return at once."""

from collections.abc import Callable


class Backoff:
    """Waits of a run of failures, in seconds."""

    def __init__(self, first: float, last: float, share: Callable[[], float]) -> None:
        """`share` returns a random number from 0 to 1."""
        self._first, self._last, self._share = first, last, share
        self._next = first

    def again(self) -> float:
        """Return the next wait: between half of the present step and all of it."""
        step = self._next
        self._next = min(self._last, step * 2)
        return step * (0.5 + self._share() / 2)

    def reset(self) -> None:
        """Begin again: something worked."""
        self._next = self._first
