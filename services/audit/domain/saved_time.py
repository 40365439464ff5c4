"""The time that unlocks save: which sessions count, and how the figures are worded.

Pure: the sums are made by the database (`storage.py`), with the words and limits given here.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

SAVING_REASONS = ("LOCKED", "FORGOTTEN")
"""A holder who knows the passcode would not have gone to the RA. Source: R20 to R22."""

SAVING_ROUTE = "SELF"
"""An unlock in person saves nothing."""

REPEAT_WITHIN = timedelta(hours=24)
"""An unlock of a card this soon after another of the same card is shown apart. Source: R20 to R22."""

MINUTES_EACH = 20
"""An unlock in person. Source: S2, "20 minutes each"."""

PUBLISHED_BASELINES = (
    ("over 16,000 hours a month", "50,000 to 60,000 cards a month, 20 minutes each"),
    ("around 10,000 hours", "the same page, further down"),
)
"""What S2 says the old way costs; it says both (R29)."""


@dataclass(frozen=True)
class Period:
    """Which outcomes to sum: from the first instant up to and without the second; None: no limit."""

    start: datetime | None = None
    end: datetime | None = None
    organisation: str = ""


@dataclass(frozen=True)
class LastWords:
    """How many sessions ended with one last word."""

    kind: str
    code: str
    sessions: int


@dataclass(frozen=True)
class Counted:
    """What the records of a period hold."""

    unlocks: int
    repeats: int
    session_milliseconds: int
    last_words: tuple[LastWords, ...]


@dataclass(frozen=True)
class SavedTime:
    """The figures for people, and what they were computed from."""

    counted: Counted
    minutes_each: int

    @property
    def saved_minutes(self) -> int:
        """Gross: the time that the RA's office would have taken."""
        return self.counted.unlocks * self.minutes_each

    @property
    def session_minutes(self) -> int:
        """What the sessions themselves took, rounded down."""
        return self.counted.session_milliseconds // 60_000

    @property
    def saved_hours(self) -> str:
        """Gross hours with one decimal, such as `16,666.7`."""
        return as_hours(self.saved_minutes)


def as_hours(minutes: int) -> str:
    """Return minutes as hours with one decimal, such as `16,666.7`."""
    hours = Decimal(minutes) / 60
    return f"{hours.quantize(Decimal('0.1'), ROUND_HALF_UP):,}"
