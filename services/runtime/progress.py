"""How far a long command is: a bar that is drawn over itself on a terminal, a line now and then elsewhere."""

import time
from typing import TextIO

WIDTH = 30
REDRAW_SECONDS = 0.1
LINE_SECONDS = 10.0


class Progress:
    """Says on `stream` how much of `total` is done, with the rows so far. `total` 0: nobody knows."""

    def __init__(self, stream: TextIO, total: int = 0) -> None:
        self._stream = stream
        self._total = total
        self._bar = stream.isatty()
        self._began = self._said_at = time.monotonic()
        self._drawn = False

    def at(self, done: int, rows: int) -> None:
        """`done` of `total`, in the total's own unit."""
        now = time.monotonic()
        if now - self._said_at < (REDRAW_SECONDS if self._bar else LINE_SECONDS):
            return
        self._said_at = now
        self._say(done, rows, now)

    def clear(self) -> None:
        """Take the bar away before something else is said."""
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._drawn = False

    def _say(self, done: int, rows: int, now: float) -> None:
        rate = rows / max(now - self._began, 0.001)
        said = f"{rows:,} rows, {rate:,.0f} a second"
        part = min(done / self._total, 1.0) if self._total else None
        if not self._bar:
            self._stream.write(f"{said}\n" if part is None else f"{part:4.0%}  {said}\n")
        elif part is None:
            self._stream.write(f"\r\x1b[K{said}")
        else:
            full = int(part * WIDTH)
            self._stream.write(f"\r\x1b[K[{'#' * full}{'.' * (WIDTH - full)}] {part:4.0%}  {said}")
        self._drawn = self._bar
        self._stream.flush()
