"""Segments of the log: runs of places that are exported together. Pure."""

from dataclasses import dataclass

_DIGITS = 12
"""Places are written with as many, so that the order of names is that of the log."""


@dataclass(frozen=True)
class Segment:
    """The places from `first` to before `end`."""

    first: int
    end: int

    @property
    def name(self) -> str:
        """The same while the segment grows."""
        return f"{self.first:0{_DIGITS}}"
