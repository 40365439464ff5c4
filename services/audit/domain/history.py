"""What is recorded of one card, a page at a time, the newest first.

Pure. Whose records may be read comes in from a grant; how they are stored is not here.
"""

from dataclasses import dataclass
from typing import Self

PAGE = 25
"""Records of one answer."""

LONGEST_TOKEN = 96
"""Characters of a page token: a number of 64 bits, a dot, an event's id."""


class BadToken(Exception):
    """No token of ours for a page."""


@dataclass(frozen=True)
class CardAsked:
    """Whose records: of this card, as far as they name this holder and organisation, or none."""

    card_ref: str
    holder_ref: str
    organisation: str


@dataclass(frozen=True)
class Mark:
    """Where a page ends: the older ones are on the next."""

    occurred_us: int
    """Microseconds since 1970, UTC."""
    ce_id: str

    @property
    def token(self) -> str:
        """Return the mark as the token of the next page."""
        return f"{self.occurred_us}.{self.ce_id}"

    @classmethod
    def of_token(cls, token: str) -> Self:
        """Return the mark of a token. Raises BadToken."""
        number, _, ce_id = token.partition(".")
        well_made = number.isascii() and number.isdigit() and len(number) <= 18 and ce_id.isprintable()
        if len(token) > LONGEST_TOKEN or not well_made or not ce_id:
            raise BadToken
        return cls(int(number), ce_id)


@dataclass(frozen=True)
class CardEvent:
    """One record of the card, as it is kept."""

    mark: Mark
    ce_type: str
    body: bytes
    place: int
    """In the log, counted from 1; 0: none that a signed head covers."""


@dataclass(frozen=True)
class CardPage:
    """Some records, the newest first."""

    events: tuple[CardEvent, ...]
    older: Mark | None
    """Where the next page begins; None where there is none."""


def page_of(events: list[CardEvent], size: int = PAGE) -> CardPage:
    """Return the first `size` of the events as a page; one more tells that there is another page."""
    more = len(events) > size
    return CardPage(tuple(events[:size]), events[size - 1].mark if more else None)
