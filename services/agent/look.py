"""A free look at a card: its kind, tries left and certificates. Spends no try, changes nothing.

Needs no gateway, so it also serves a workstation whose gateway is away.
"""

import time
from collections.abc import Callable

from services.agent.holding import Hold
from services.agent.ports import ReaderService
from services.card_gateway.card import profiles
from services.card_gateway.card.facts import CardFacts, Unsupported
from services.card_gateway.card.guard import Insertion
from services.card_gateway.card.runner import Fill, run

SCRIPT_SECONDS = 8.0
"""Longest look: five commands, of which two fetch a certificate."""
LOOK_SECONDS = 16.0
"""Taking the card from another program, the look, and giving it back."""


FREE_READ = profiles.free_read_script()
"""VERIFY without data is its only command on the passcode: it asks, and spends nothing. Where another program
has verified the passcode, the card does not tell its tries."""


def look(service: ReaderService, reader: str) -> CardFacts | Unsupported:
    """Read the card and leave it as it is, without a reset. Raises CannotHold."""
    hold = Hold(service, reader)
    try:
        hold.take()
        report = run(FREE_READ, hold, Fill(), Insertion(), out_of_time=_timer(SCRIPT_SECONDS))
        hold.leave()
    finally:
        hold.close()
    return profiles.parse_read(report)


def _timer(seconds: float) -> Callable[[], bool]:
    until = time.monotonic() + seconds
    return lambda: time.monotonic() >= until
