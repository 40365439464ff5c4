"""CHANGE on a PIV card: the holder's current PIN sets the new one. No PUK is in it.

The tries are read first, in the same script, and the last one is not sent unless the person asked for
that. Source: what cards answered (design `cards.md`, 1.4, 1.6).
"""

from services.card_gateway.card.facts import END_CODES
from services.card_gateway.card.profiles.piv import commands
from services.card_gateway.card.profiles.piv.scripts import ANYTHING, same_card
from services.card_gateway.card.script import Action, End, Kind, Report, Script, Slot, StatusRule, Step
from services.card_gateway.card.status_words import (
    BAD_DATA,
    BLOCKED,
    OK,
    TRIES_LEFT,
    TRIES_MASK,
    Tries,
    is_refusal,
    is_wrong_reference,
    tries,
)
from services.card_gateway.card.verdict import UNREPORTED_CHANGE, ChangeVerdict, Holder

CHANGE = "change"
TRIES = "tries"


def change_script(chuid_hash: bytes, *, last_try: bool) -> Script:
    """Replace the PIN; `last_try`: also where one try is left. Both PINs are filled in by the agent."""
    change = Step(CHANGE, commands.CHANGE_PIN, Slot.PIN_CHANGE)
    return Script(Kind.CHANGE, (*enough_tries(chuid_hash, last_try=last_try), change))


def enough_tries(chuid_hash: bytes, *, last_try: bool) -> tuple[Step, ...]:
    """The same card, and more tries than the last one; `last_try`: or that one."""
    one_left = StatusRule(TRIES_LEFT | 1, action=Action.NEXT if last_try else Action.STOP)
    enough = (
        StatusRule(OK, action=Action.STOP),  # a card that hides its count
        StatusRule(TRIES_LEFT, action=Action.STOP),
        one_left,
        StatusRule(TRIES_LEFT, TRIES_MASK, Action.NEXT),
    )
    return (
        *same_card(chuid_hash),
        Step("clear", commands.CLEAR_VERIFIED, rules=(ANYTHING,)),
        Step(TRIES, commands.TRIES, rules=enough),
    )


def judge_change(report: Report) -> ChangeVerdict:
    """Judge a CHANGE. Where the card may or may not have acted, the verdict is UNKNOWN."""
    sw, before = report.sw(CHANGE), report.sw(TRIES)
    told = None if before is None else tries(before)
    if sw is None:
        sent = report.in_flight == CHANGE
        return (
            UNREPORTED_CHANGE
            if sent
            else ChangeVerdict(Holder.NOT_ATTEMPTED, why_not_sent(report, told), told)
        )
    if sw == OK:
        return ChangeVerdict(Holder.SUCCESS)
    if is_wrong_reference(sw) or sw == BLOCKED:
        left = tries(sw)
        return ChangeVerdict(Holder.WRONG_PIN, "CARD_LOCKED" if left.blocked else "CURRENT_PIN_WRONG", left)
    if sw == BAD_DATA:
        return ChangeVerdict(Holder.PIN_REFUSED, "PIN_REFUSED_BY_CARD", told)
    if is_refusal(sw):
        return ChangeVerdict(Holder.FAILED, "CARD_REFUSED", told)
    return UNREPORTED_CHANGE


def why_not_sent(report: Report, told: Tries | None) -> str:
    """Why the current PIN was not sent, where the report says that it was not."""
    if report.end is not End.STOPPED or told is None:
        return END_CODES.get(report.end, "CARD_REFUSED")
    if told.blocked:
        return "CARD_LOCKED"
    if told.left is None:
        return "TRIES_NOT_TOLD"
    return "PIN_TRIES_SPENT" if report.rule == "PIN_TRIES_SPENT" else "LAST_TRY"
