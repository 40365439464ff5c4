"""Guessing that is spread over many cards: each card sees a try or two, and no lock of its own tells.

Pure: who counts, and who is told, is not here. An alarm stops nobody: what bounds the guesses is each
card's own limit and the limits on codes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from services.otp.domain.policy import Policy

WINDOW = timedelta(hours=1)
"""In which the cards with a wrong entry are counted."""


class Scope(Enum):
    """What many cards with a wrong entry have in common."""

    NETWORK = "NETWORK"
    ORGANISATION = "ORGANISATION"
    EVERYWHERE = "EVERYWHERE"


@dataclass(frozen=True)
class WrongEntryAt:
    """One wrong entry, as the count of cards needs it."""

    entry_id: str
    at: datetime
    card_ref: str
    organisation: str
    network_ref: str
    """Keyed digest of the browser's network; empty where not known."""

    def place(self, scope: Scope) -> str:
        """Return what the entry has in common with others in this scope."""
        places = {Scope.NETWORK: self.network_ref, Scope.ORGANISATION: self.organisation}
        return places.get(scope, "")


@dataclass(frozen=True)
class Alarm:
    """So many cards in one place that somebody may be guessing."""

    scope: Scope
    place: str
    cards: int


def thresholds(policy: Policy) -> dict[Scope, int]:
    """Return how many cards an hour are an alarm, by scope."""
    return {
        Scope.NETWORK: policy.alarm_cards_of_network,
        Scope.ORGANISATION: policy.alarm_cards_of_organisation,
        Scope.EVERYWHERE: policy.alarm_cards_everywhere,
    }


def alarms(entry: WrongEntryAt, cards: Mapping[Scope, int], policy: Policy) -> list[Alarm]:
    """Return the alarms that the cards counted with this entry give; a place not known gives none."""
    return [
        Alarm(scope, entry.place(scope), cards[scope])
        for scope, most in thresholds(policy).items()
        if cards[scope] >= most and (scope is Scope.EVERYWHERE or entry.place(scope))
    ]
