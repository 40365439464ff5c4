"""What a workstation's readers are like, in the one word a page can act on."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

AWAY_AFTER = timedelta(seconds=35)
"""Without a call for so long an agent is away: a poll lasts 25 s, and a call may take 10 s."""


class Presence(Enum):
    """What is in a reader."""

    EMPTY = "EMPTY"
    PRESENT = "PRESENT"
    MUTE = "MUTE"


class ReaderState(Enum):
    """What the page must tell the person of the readers."""

    UNSAID = "UNSAID"
    SERVICE_DOWN = "SERVICE_DOWN"
    NO_READER = "NO_READER"
    NO_CARD = "NO_CARD"
    CARD = "CARD"
    TWO_CARDS = "TWO_CARDS"
    CARD_MUTE = "CARD_MUTE"
    AGENT_AWAY = "AGENT_AWAY"


@dataclass(frozen=True)
class Sighting:
    """What an agent said of its readers, and when it was last heard of."""

    reader: ReaderState
    seen_at: datetime

    def at(self, now: datetime) -> ReaderState:
        """The state to show now: an agent that is silent for too long is away."""
        return ReaderState.AGENT_AWAY if now - self.seen_at > AWAY_AFTER else self.reader


def judge(service_up: bool, readers: tuple[Presence, ...]) -> ReaderState:
    """Sum up the readers. A mute card beside a good one is as bad as two cards: which is meant?"""
    if not service_up:
        return ReaderState.SERVICE_DOWN
    if not readers:
        return ReaderState.NO_READER
    cards = [presence for presence in readers if presence is not Presence.EMPTY]
    if len(cards) > 1:
        return ReaderState.TWO_CARDS
    if not cards:
        return ReaderState.NO_CARD
    return ReaderState.CARD if cards[0] is Presence.PRESENT else ReaderState.CARD_MUTE
