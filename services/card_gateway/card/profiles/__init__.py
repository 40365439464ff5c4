"""Card profiles: how to recognise a kind of card, its scripts, how to judge its answers.

A profile is a package here that keeps the contract of `Profile`. How to add one: `docs/profiles.md`.
"""

from dataclasses import replace

from services.card_gateway.card.facts import CardFacts, Unsupported
from services.card_gateway.card.profiles import gids, piv
from services.card_gateway.card.profiles.profile import AdminKeyProfile, Profile, PukProfile
from services.card_gateway.card.script import Action, Kind, Report, Script, StatusRule, Step
from services.card_gateway.card.status_words import OK

__all__ = [
    "ADMIN_KEY",
    "BY_KIND",
    "PUK",
    "AdminKeyProfile",
    "Profile",
    "PukProfile",
    "free_read_script",
    "parse_read",
    "read_script",
]

PUK: dict[str, PukProfile] = {piv.KIND: piv}
ADMIN_KEY: dict[str, AdminKeyProfile] = {gids.KIND: gids}
BY_KIND: dict[str, Profile] = {**PUK, **ADMIN_KEY}


def read_script() -> Script:
    """Find out which card it is, and all that can be known of it without a secret or a try.

    PIV first, else GIDS, nothing else: a select that finds nothing spends nothing, and whatever is not
    9000 means that the application is not there.
    """
    *of_piv, clear, tries = piv.read_script().steps
    return _either(of_piv, (clear, tries))


def free_read_script() -> Script:
    """READ without a signature, and without ending what another program has verified."""
    *of_piv, _, tries = piv.read_script().steps
    return _either([step for step in of_piv if step.slot is None], (tries,))


def _either(of_piv: list[Step], of_both: tuple[Step, ...]) -> Script:
    of_gids = gids.read_steps()
    not_piv = StatusRule(0x0000, 0x0000, Action.JUMP, of_gids[0].name)
    to_both = StatusRule(0x0000, 0x0000, Action.JUMP, of_both[0].name)
    first = replace(of_piv[0], rules=(StatusRule(OK), not_piv))
    middle = (_retargeted(step, of_both[0].name) for step in of_piv[1:-1])
    last = replace(of_piv[-1], rules=(to_both,))
    return Script(Kind.READ, (first, *middle, last, *of_gids, *of_both))


def _retargeted(step: Step, target: str) -> Step:
    """The step, its jumps leading to what is asked of every card."""
    rules = (replace(rule, target=target) if rule.action is Action.JUMP else rule for rule in step.rules)
    return replace(step, rules=tuple(rules))


def parse_read(report: Report) -> CardFacts | Unsupported:
    """The facts of a READ, of whichever kind the card is, or why there are none."""
    is_gids = report.sw(gids.read_steps()[0].name) is not None
    return gids.parse_read(report) if is_gids else piv.parse_read(report)
