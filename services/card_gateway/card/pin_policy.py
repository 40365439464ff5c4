"""Which passcodes are refused, and why. Pages and agent give the reason to the person. R51, S51.

Cards may have rules of their own on top: those are told by the card's answer to the reset.
"""

from datetime import date
from enum import Enum
from itertools import pairwise

MIN_LENGTH = 6
MAX_LENGTH = 8
"""Digits. Source: R51; PIV pads to 8 bytes (NIST SP 800-73pt2-5, 2.4.3)."""


class Weakness(Enum):
    """Why a passcode is refused."""

    LENGTH = "LENGTH"
    NOT_DIGITS = "NOT_DIGITS"
    REPEAT = "REPEAT"
    SEQUENCE = "SEQUENCE"
    DATE = "DATE"
    COMMON = "COMMON"
    CURRENT_FORM = "CURRENT_FORM"
    """What was typed as the current passcode can be none; sent, it would spend a try."""
    SAME = "SAME"
    """The new passcode is the current one."""


MIN_CURRENT_LENGTH = 4
"""Digits of a passcode that a card may have from elsewhere; the rules for new ones do not hold for it."""


_COMMON = frozenset(
    {
        "121314",
        "131313",
        "102030",
        "112358",
        "314159",
        "159753",
        "147258",
        "258369",
        "147852",
        "159357",
        "246810",
        "135790",
        "112211",
        "121121",
        "696969",
        "420420",
        "789456",
        "456123",
        "741852",
        "963852",
        "852456",
        "147369",
        "987412",
        "123789",
        "789123",
        "000007",
        "007007",
        "100200",
        "11223344",
        "12341234",
        "14725836",
        "31415926",
        "27182818",
        "1472583",
        "9632587",
        "1234512",
    }
)
"""Frequent ones that no rule above them catches: keypad paths, famous numbers, pairs counting up."""

_YEARS = range(1900, 2100)


def weakness(pin: str) -> Weakness | None:
    """The first reason to refuse this passcode; None for a good one."""
    if not pin.isascii() or not pin.isdigit():
        return Weakness.NOT_DIGITS if pin else Weakness.LENGTH
    if not MIN_LENGTH <= len(pin) <= MAX_LENGTH:
        return Weakness.LENGTH
    if _repeats(pin):
        return Weakness.REPEAT
    if _counts(pin):
        return Weakness.SEQUENCE
    if _is_date(pin):
        return Weakness.DATE
    return Weakness.COMMON if pin in _COMMON else None


def change_weakness(current: str, new: str) -> Weakness | None:
    """Why these two are no change, before a try is spent on it; whether `new` is good is `weakness`."""
    return current_weakness(current) or (Weakness.SAME if current == new else None)


def current_weakness(current: str) -> Weakness | None:
    """Why this can be no passcode that a card has now, before a try is spent on it."""
    digits = current.isascii() and current.isdigit()
    fits = digits and MIN_CURRENT_LENGTH <= len(current) <= MAX_LENGTH
    return None if fits else Weakness.CURRENT_FORM


def _repeats(pin: str) -> bool:
    """One or two different digits in all, or a block of up to four written over and over."""
    if len(set(pin)) <= 2:
        return True
    return any((pin[:size] * MAX_LENGTH)[: len(pin)] == pin for size in range(1, len(pin) // 2 + 1))


def _counts(pin: str) -> bool:
    """Up or down by the same step throughout, also past 9, or in two such halves, such as 123321."""
    half = len(pin) // 2
    return _is_run(pin) or (_is_run(pin[:half]) and _is_run(pin[half:]))


def _is_run(digits: str) -> bool:
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(digits)}
    return len(steps) == 1 and steps <= {1, 2, 8, 9}


def _is_date(pin: str) -> bool:
    """A day of the calendar: ddmmyy, mmddyy, yymmdd, mmyyyy, yyyymm, ddmmyyyy, mmddyyyy, yyyymmdd."""
    if len(pin) == 6:
        a, b, c = int(pin[:2]), int(pin[2:4]), int(pin[4:])
        return _is_day(2000, b, a) or _is_day(2000, a, b) or _is_day(2000, b, c) or _is_month(pin)
    if len(pin) == 8:
        a, b, year = int(pin[:2]), int(pin[2:4]), int(pin[4:])
        late = _is_day(int(pin[:4]), int(pin[4:6]), int(pin[6:]))
        return _is_day(year, b, a) or _is_day(year, a, b) or late
    return False


def _is_month(pin: str) -> bool:
    return _is_day(int(pin[2:]), int(pin[:2]), 1) or _is_day(int(pin[:4]), int(pin[4:]), 1)


def _is_day(year: int, month: int, day: int) -> bool:
    if year not in _YEARS:
        return False
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
