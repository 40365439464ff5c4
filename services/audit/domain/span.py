"""Months and days in UTC, `2026-11` and `2026-11-21`: what a report takes from roll-ups, and what it counts.

Pure.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime, timedelta

from services.audit.domain.saved_time import Period

_MONTH, _DAY = len("2026-11"), len("2026-11-21")


def month_of(instant: datetime) -> str:
    """Return the month of an aware instant."""
    return f"{instant.astimezone(UTC):%Y-%m}"


def day_of(instant: datetime) -> str:
    """Return the day of an aware instant."""
    return f"{instant.astimezone(UTC):%Y-%m-%d}"


def is_day(span: str) -> bool:
    """True for a day, False for a month."""
    return len(span) == _DAY


def start_of(span: str) -> datetime:
    """Return its first instant."""
    return datetime(int(span[:4]), int(span[5:7]), int(span[8:] or 1), tzinfo=UTC)


def end_of(span: str) -> datetime:
    """Return the first instant after it; the last that there is where none comes after."""
    if is_day(span):
        return start_of(span) + timedelta(days=1)
    year, number = int(span[:4]), int(span[5:7])
    if (year, number) == (MAXYEAR, 12):
        return datetime.max.replace(tzinfo=UTC)
    return datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)


def month_before(month: str) -> str:
    """Return the month before it."""
    return month_of(start_of(month) - timedelta(days=1))


def spans(first: str, end: str) -> Iterator[str]:
    """Give every month, or every day, from the first to before the last."""
    while first < end:
        yield first
        first = day_of(end_of(first)) if is_day(first) else month_of(end_of(first))


@dataclass(frozen=True)
class Cover:
    """A period, cut up: each instant of it is in one span or in one range."""

    spans: tuple[str, ...]
    """Whole months and days whose roll-ups stand."""
    ranges: tuple[Period, ...]
    """What is counted from the records themselves."""


def cover(period: Period, standing: Iterable[str], earliest: datetime | None) -> Cover:
    """Take whole months where their roll-ups stand, else whole days; nothing happened before `earliest`."""
    inside = [span for span in standing if _within(span, period)]
    months = {span for span in inside if not is_day(span)}
    chosen = sorted(months.union(span for span in inside if span[:_MONTH] not in months))
    if not chosen:
        return Cover((), (period,))
    first = start_of(chosen[0])
    at = period.start or min(first, start_of(month_of(earliest or first)))
    ranges = []
    for span in chosen:
        if at < start_of(span):
            ranges.append(Period(at, start_of(span), period.organisation))
        at = end_of(span)
    if period.end is None or at < period.end:
        ranges.append(Period(at, period.end, period.organisation))
    return Cover(tuple(chosen), tuple(ranges))


def _within(span: str, period: Period) -> bool:
    begins = period.start is None or start_of(span) >= period.start
    return begins and (period.end is None or end_of(span) <= period.end)
