"""A free look at a card: its kind, tries left and certificates. Spends no try, changes nothing.

Needs no gateway, so it also serves a workstation whose gateway is away.
"""

import time
from collections.abc import Callable

from services.agent.holding import Hold
from services.agent.ports import ReaderService
from services.card_gateway.card import profiles
from services.card_gateway.card.apdu import VERIFY
from services.card_gateway.card.facts import CardFacts, Unsupported
from services.card_gateway.card.guard import Insertion
from services.card_gateway.card.runner import Fill, run
from services.card_gateway.card.script import Script, Step

SCRIPT_SECONDS = 8.0
"""Longest look: five commands, of which two fetch a certificate."""
LOOK_SECONDS = 16.0
"""Taking the card from another program, the look, and giving it back."""


def _free() -> Script:
    """Return READ without its signature, and without its clearing of what another program has verified."""
    whole = profiles.read_script()
    steps = tuple(step for step in whole.steps if step.slot is None and not _clears(step))
    return Script(whole.kind, steps)


def _clears(step: Step) -> bool:
    return (step.command.ins, step.command.p1) == (VERIFY, 0xFF)


FREE_READ = _free()
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
