"""Virtual cards that behave as real ones do, wrong tries and power loss included: PIV and GIDS.

`personalise` makes a card file, `card_of` answers APDUs out of it, `FaultyCard` breaks it on
purpose, `InProcessCard` is the agent's card port without a reader; `deploy.local.vpicc` puts it behind
the real PC/SC service. What it models and where that was seen: design `cards.md`, 1, 3 and 10.
"""

from collections.abc import Callable

from deploy.local.virtual_card.application import Application
from deploy.local.virtual_card.card import VirtualCard
from deploy.local.virtual_card.faults import Dropped, Fault, FaultyCard
from deploy.local.virtual_card.gids import VirtualGids
from deploy.local.virtual_card.personalise import (
    Facts,
    make_card,
    make_gids_card,
    personalise,
    personalise_gids,
)
from deploy.local.virtual_card.port import InProcessCard
from deploy.local.virtual_card.state import Eeprom, Parameters

__all__ = [
    "Application",
    "Dropped",
    "Eeprom",
    "Facts",
    "Fault",
    "FaultyCard",
    "InProcessCard",
    "Parameters",
    "VirtualCard",
    "VirtualGids",
    "card_of",
    "make_card",
    "make_gids_card",
    "personalise",
    "personalise_gids",
]


def card_of(eeprom: Eeprom, on_change: Callable[[], None] = lambda: None) -> Application:
    """The card that remembers this, of whichever kind it is."""
    return VirtualGids(eeprom, on_change) if eeprom.kind == "GIDS" else VirtualCard(eeprom, on_change)
