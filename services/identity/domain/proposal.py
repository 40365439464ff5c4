"""An address that an RA proposes where a second RA has to confirm it: who may, and until when. R7, R25.

Pure: callers pass in the time and the version of the address that stands. Nobody here knows whether a card is
locked, and one that works today may be locked tomorrow: with the policy, every address that an RA adds waits.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from services.identity.domain.acts import Why

WAITS_FOR = timedelta(hours=24)
"""From proposal to lapse: long enough for a colleague of the next shift."""


class Ending(Enum):
    """How a proposal ends to wait."""

    CONFIRMED = "CONFIRMED"
    DECLINED = "DECLINED"
    LAPSED = "LAPSED"
    REPLACED = "REPLACED"


@dataclass(frozen=True)
class Proposal:
    """One address that waits; a holder has one at most."""

    proposal_id: str
    holder_ref: str
    actor_ref: str
    """The RA who proposed it."""
    address: str = field(repr=False)
    """Canonical."""
    over_version: int
    """Version of the address that stood then: where another stands now, nobody asked for this one."""
    why: Why
    at: datetime

    @property
    def expires_at(self) -> datetime:
        """First instant at which nobody can confirm it any more."""
        return self.at + WAITS_FOR

    def waits(self, version: int, now: datetime) -> bool:
        """Tell whether it can be confirmed over the address of this version."""
        return version == self.over_version and now < self.expires_at


@dataclass(frozen=True)
class WaitingAddress:
    """A proposal as RAs see it."""

    proposal: Proposal
    holder_name: str = field(repr=False)
    proposed_by: str = field(repr=False)
    """Name of the RA; empty for one who is not kept any more."""


@dataclass(frozen=True)
class FrozenByHolder:
    """A card that its holder froze by the button of a mail. R64."""

    holder_ref: str
    holder_name: str = field(repr=False)
    card_ref: str
    at: datetime
