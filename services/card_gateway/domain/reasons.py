"""Whether the reason that a holder gave fits the card that was read.

The tries are read first and cost nothing, so that nobody is sent a code for the wrong way. Pure: what a
kind of card can do comes in. R2.
"""

from dataclasses import dataclass

from services.card_gateway.domain.words import Reason


@dataclass(frozen=True)
class Abilities:
    """What a kind of card can do about its PIN, as its profile says."""

    changes_pin: bool
    """The holder's current PIN can set a new one."""
    unblocks_only_blocked: bool
    """The card gives a new PIN without the current one only once that is blocked."""


def reason_for(said: Reason, *, blocked: bool) -> Reason:
    """The reason to go on with: a forgotten passcode on a blocked card is a locked card."""
    return Reason.LOCKED if said is Reason.FORGOTTEN and blocked else said


def objection(reason: Reason, *, blocked: bool, abilities: Abilities) -> str:
    """Why the reason does not fit the card; empty where it does. The codes are the contract's."""
    if reason is Reason.CHANGE and not abilities.changes_pin:
        return "CHANGE_UNSUPPORTED"
    if reason in (Reason.CHANGE, Reason.SIGN_IN) and blocked:
        return "CARD_LOCKED"
    if reason is Reason.LOCKED and not blocked:
        return "CARD_NOT_LOCKED"
    if reason is Reason.FORGOTTEN and not blocked and abilities.unblocks_only_blocked:
        return "UNBLOCKS_ONLY_BLOCKED"
    return ""
