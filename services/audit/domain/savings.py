"""The report on saved hours: the same records in groups, and how many who could unlock alone do so.

Pure. Every figure is a sum over records, so that it can be made again from the log alone.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from services.audit.domain.saved_time import SavedTime


class By(StrEnum):
    """What unlocks are grouped by."""

    MONTH = "MONTH"
    """In which it happened, UTC, such as `2026-11`."""
    ORGANISATION = "ORGANISATION"
    REASON = "REASON"
    ROUTE = "ROUTE"


class Figure(StrEnum):
    """What can be explained by the records that it counts."""

    UNLOCKS = "unlocks"
    """Gross by their number, net by the time that each took."""
    REPEATS = "repeats"
    UNLOCKED = "unlocked"
    """Whoever did it and why: those of months, organisations, reasons and routes."""
    IN_PERSON = "in-person"
    ENDED = "ended"
    USERS = "users"
    """The first unlock that counts of each holder."""
    ELIGIBLE = "eligible"
    """The last import of each organisation."""
    STAGES = "stages"
    """Where each session first came to each stage; of no organisation."""


@dataclass(frozen=True)
class Group:
    """Sessions that ended with an unlocked card, of one month, organisation, reason or route."""

    value: str
    unlocked: int
    """All of them, CHANGE and RA_IN_PERSON included."""
    unlocks: int
    """Those that saved a visit."""
    repeats: int


@dataclass(frozen=True)
class Adoption:
    """How far an organisation's holders unlock their cards themselves."""

    organisation: str
    eligible: int
    """Holders who could, by the organisation's last import."""
    users: int
    """Holders who did, in the period."""
    unlocks: int

    @property
    def per_cent(self) -> str:
        """Users among the eligible, with one decimal; empty where nobody is eligible."""
        share = Decimal(100 * self.users) / self.eligible if self.eligible else None
        return "" if share is None else str(share.quantize(Decimal("0.1"), ROUND_HALF_UP))

    def minutes_to_be_had(self, minutes_each: int) -> int:
        """Minutes more if the other eligible holders unlocked as often as those who do. R61.

        0 where nobody does yet: from nothing nothing can be concluded.
        """
        others = max(0, self.eligible - self.users)
        return others * self.unlocks * minutes_each // self.users if self.users else 0


@dataclass(frozen=True)
class Stage:
    """How many sessions came to a point of the journey."""

    name: str
    sessions: int


@dataclass(frozen=True)
class Savings:
    """The whole report."""

    saved: SavedTime
    in_person: int
    """Unlocks by an RA who saw the person."""
    groups: dict[By, tuple[Group, ...]]
    adoption: tuple[Adoption, ...]
    stages: tuple[Stage, ...]

    @property
    def net_minutes(self) -> int:
        """Gross less the time that the sessions themselves took. R59."""
        return self.saved.saved_minutes - self.saved.session_minutes

    @property
    def ra_minutes(self) -> int:
        """What unlocks in person still took RAs. R59."""
        return self.in_person * self.saved.minutes_each


@dataclass(frozen=True)
class CountedRecord:
    """One record that a figure counts."""

    session_id: str
    """Of an import: its organisation."""
    ce_id: str
    place: int | None
    """In the log; None while it waits for one."""
    occurred: str
    """ISO 8601, UTC."""
    words: str
    """What the figure counts it by: kind, code, reason, route, organisation; or the stage."""
    retired: bool = False
    """Its body was dropped by age: place, hash and these words are what is left."""
