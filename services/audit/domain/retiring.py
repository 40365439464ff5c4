"""Bodies of records are kept for 400 days, by the month in which they were stored; hashes for ever.

Pure.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.audit.domain.span import end_of, month_of, spans

KEPT = timedelta(days=400)
"""Source: architecture §7."""

AHEAD = 3
"""Months that are made before they begin."""


@dataclass(frozen=True)
class Retirement:
    """What became of one month's bodies."""

    month: str
    bodies: int
    size: int
    """Of the signed head that covers all of them; 0: none does, or one of them is not what was signed."""
    why_not: str = ""
    """Empty: they were dropped."""


def is_due(month: str, now: datetime) -> bool:
    """Tell whether every body of a month is older than 400 days."""
    return end_of(month) <= now - KEPT


def ahead(now: datetime) -> list[str]:
    """Return the running month and those after it that have to be there."""
    found = spans(month_of(now), month_of(now + timedelta(days=31 * (AHEAD + 1))))
    return list(found)[: AHEAD + 1]
