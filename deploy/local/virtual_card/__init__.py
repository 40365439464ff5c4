"""A virtual PIV card that behaves as real ones do, wrong tries and power loss included.

`personalise` makes a card file, `VirtualCard` answers APDUs out of it, `FaultyCard` breaks it on
purpose, `InProcessCard` is the agent's card port without a reader; `deploy.local.vpicc` puts it behind
the real PC/SC service. What it models and where that was seen: design `cards.md`, 1 and 10.
"""

from deploy.local.virtual_card.card import VirtualCard
from deploy.local.virtual_card.faults import Dropped, Fault, FaultyCard
from deploy.local.virtual_card.personalise import Facts, make_card, personalise
from deploy.local.virtual_card.port import InProcessCard
from deploy.local.virtual_card.state import Eeprom, Parameters

__all__ = [
    "Dropped",
    "Eeprom",
    "Facts",
    "Fault",
    "FaultyCard",
    "InProcessCard",
    "Parameters",
    "VirtualCard",
    "make_card",
    "personalise",
]
