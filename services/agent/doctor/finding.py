"""What one check found, and how long a check may take."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from services.agent.lane import Lane, Overdue

T = TypeVar("T")
Fact = str | int | bool


class Level(Enum):
    """How much a finding matters."""

    OK = "ok"
    NOTE = "note"
    """Worth knowing; nothing to mend."""
    FAULT = "fault"
    NOT_CHECKED = "not checked"
    """Something before it is wrong, or there is nothing to look at."""


@dataclass(frozen=True)
class Finding:
    """The outcome of one check."""

    check: str
    """Name of the check, such as `card`; stable."""
    level: Level
    code: str = ""
    """Stable, with its words in `words`; empty where all is well."""
    facts: Mapping[str, Fact] = field(default_factory=dict)
    """What was seen. Never a secret: nothing here is typed by a person."""


def ok(check: str, **facts: Fact) -> Finding:
    """Return that all is well."""
    return Finding(check, Level.OK, facts=facts)


def note(check: str, code: str, **facts: Fact) -> Finding:
    """Return something worth knowing."""
    return Finding(check, Level.NOTE, code, facts)


def fault(check: str, code: str, **facts: Fact) -> Finding:
    """Return something to mend."""
    return Finding(check, Level.FAULT, code, facts)


def not_checked(check: str) -> Finding:
    """Return that there was no sense in looking."""
    return Finding(check, Level.NOT_CHECKED)


def within(seconds: float, work: Callable[[], T]) -> T:
    """Run `work` on a thread that is left behind when its time is over. Raises Overdue.

    Neither PC/SC nor name resolution knows a time limit; the thread keeps nobody from ending.
    """
    lane = Lane("doctor")
    try:
        return lane.call(work, seconds)
    finally:
        lane.retire()


__all__ = ["Fact", "Finding", "Level", "Overdue", "fault", "not_checked", "note", "ok", "within"]
