"""What is said of one error code, and who can help."""

from dataclasses import dataclass
from enum import Enum

from services.web.domain.language import Text, text

RA_UNLOCKS = "Contact your Registration Authority (smartcard team). They can unlock your smartcard for you."
NOTHING_CHANGED = "Nothing was changed on your smartcard."
START_AGAIN = "Start again. Your smartcard stays as it is until you finish."


class Ask(Enum):
    """Who can help when the next step does not."""

    RA = "RA"
    IT = "IT"
    REPORT = "REPORT"


@dataclass(frozen=True)
class Entry:
    """One error in plain words."""

    code: str
    title: Text
    happened: Text
    next_step: Text
    ask: Ask


def ask_ra(code: str, title: str, happened: str, next_step: str) -> Entry:
    """Return an error that a Registration Authority can help with."""
    return Entry(code, text(title), text(happened), text(next_step), Ask.RA)


def ask_it(code: str, title: str, happened: str, next_step: str) -> Entry:
    """Return an error that an IT service desk can help with."""
    return Entry(code, text(title), text(happened), text(next_step), Ask.IT)


def report(code: str, title: str, happened: str, next_step: str) -> Entry:
    """Return an error that is for us to mend."""
    return Entry(code, text(title), text(happened), text(next_step), Ask.REPORT)
