"""How long a poll may be silent here: a box on the way may cut connections that are silent for long."""

import time
from collections.abc import Callable

CUT_SECONDS = 1.0
"""A poll that got no answer but lasted so long did begin: it was cut. A shorter one never got through."""
SHARE = 0.7
"""Of the time after which polls are cut: how long they wait from then on."""
LEAST_SECONDS = 2
REMEMBERED_SECONDS = 3600.0
"""Then the whole wait is tried again: the box may be gone, or it was the gateway that was restarted twice."""


class Patience:
    """What was learnt from polls that were cut."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._most = 0
        self._until = 0.0
        self._cuts = 0
        self._follows_a_cut = False

    def of(self, wanted: int) -> int:
        """Return how long a poll should wait, in seconds, at most as long as wanted."""
        return min(wanted, self._most) if self._now() < self._until else wanted

    def answered(self) -> None:
        """A poll was answered."""
        self._cuts = 0
        self._follows_a_cut = False

    def cut(self, after: float) -> bool:
        """Tell whether a poll without an answer is no outage; the second cut in a row makes polls shorter.

        The call that follows a cut may still go into the old connection: it is excused as well, once.
        """
        begun, excused = after >= CUT_SECONDS, self._follows_a_cut
        self._follows_a_cut = begun
        if begun:
            self._cuts += 1
        if begun and self._cuts > 1:
            self._most, self._until = max(LEAST_SECONDS, int(after * SHARE)), self._now() + REMEMBERED_SECONDS
        return begun or excused
