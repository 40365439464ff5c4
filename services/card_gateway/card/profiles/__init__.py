"""Card profiles: how to recognise a kind of card, its scripts, how to judge its answers.

A profile is a module of this package that keeps the contract of `Profile`. To add one: write the
module and name it in `BY_KIND`; the guard needs its commands, the tests its conformance list.
"""

from services.card_gateway.card.facts import CardFacts, Unsupported
from services.card_gateway.card.profiles import piv
from services.card_gateway.card.profiles.profile import Profile
from services.card_gateway.card.script import Report, Script

__all__ = ["BY_KIND", "Profile", "parse_read", "read_script"]

BY_KIND: dict[str, Profile] = {piv.KIND: piv}


def read_script() -> Script:
    """Find out which card it is, and all that can be known of it without a secret or a try."""
    return piv.read_script()


def parse_read(report: Report) -> CardFacts | Unsupported:
    """The facts of a READ, of whichever kind the card is, or why there are none."""
    return piv.parse_read(report)
