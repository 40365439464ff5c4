"""A free look at a card: its kind, tries left and certificates. Spends no try, changes nothing.

Needs no gateway, so it also serves a workstation whose gateway is away.
"""

import time
from collections.abc import Callable

from services.agent.holding import Hold
from services.agent.ports import ReaderService
from services.card_gateway.card.guard import Insertion
from services.card_gateway.card.profiles import piv
from services.card_gateway.card.profiles.piv import commands
from services.card_gateway.card.runner import Fill, run
from services.card_gateway.card.script import Action, Kind, Script, StatusRule, Step

SCRIPT_SECONDS = 8.0
"""Longest look: five commands, of which two fetch a certificate."""
LOOK_SECONDS = 16.0
"""Taking the card from another program, the look, and giving it back."""

_ANYTHING = StatusRule(0x0000, 0x0000, Action.NEXT)
FREE_READ = Script(
    Kind.READ,
    (
        Step("select", commands.SELECT),
        Step("chuid", commands.get_data(commands.CHUID), keep=True),
        Step("cert-9a", commands.get_data(commands.CERTIFICATE_9A), rules=(_ANYTHING,), keep=True),
        Step("cert-9e", commands.get_data(commands.CERTIFICATE_9E), rules=(_ANYTHING,), keep=True),
        Step("tries", commands.TRIES, rules=(_ANYTHING,)),
    ),
)
"""VERIFY without data is its only command on the passcode: it asks, and spends nothing. No signature, and no
clearing of what another program has verified: on such a card the tries are not told."""


def look(service: ReaderService, reader: str) -> piv.CardFacts | piv.Unsupported:
    """Read the card and leave it as it is, without a reset. Raises CannotHold."""
    hold = Hold(service, reader)
    try:
        hold.take()
        report = run(FREE_READ, hold, Fill(), Insertion(), out_of_time=_timer(SCRIPT_SECONDS))
        hold.leave()
    finally:
        hold.close()
    return piv.parse_read(report)


def _timer(seconds: float) -> Callable[[], bool]:
    until = time.monotonic() + seconds
    return lambda: time.monotonic() >= until
