"""What the report of a RESET or RECOVER means: for the holder, and for the card's PUK.

Source: what cards did when they were pulled at each command (design `cards.md`, 1.5, 1.6, 5).
"""

from dataclasses import replace

from services.card_gateway.card.facts import END_CODES
from services.card_gateway.card.profiles.piv.scripts import ROTATE, UNBLOCK, UNBLOCK_WITH
from services.card_gateway.card.script import End, Report
from services.card_gateway.card.status_words import (
    BAD_DATA,
    BLOCKED,
    OK,
    is_refusal,
    is_wrong_reference,
    tries,
)
from services.card_gateway.card.verdict import UNREPORTED, Holder, PukState, Verdict


def judge_reset(report: Report) -> Verdict:
    """Judge a RESET, whose PUK was known to be the card's.

    While the rotation was not sent the PUK cannot have changed, whatever became of the PIN.
    """
    sw = report.sw(UNBLOCK)
    if sw == OK:
        spent = int(is_wrong_reference(report.sw(ROTATE) or 0))
        return Verdict(Holder.SUCCESS, puk=_after_rotation(report), wrong_puk_tries=spent)
    if sw is None and report.in_flight != UNBLOCK:
        return Verdict(Holder.NOT_ATTEMPTED, _why_not(report), PukState.CURRENT)
    verdict = _refused(sw)
    if verdict.code == "SECRET_MISMATCH":
        return verdict
    return replace(verdict, puk=PukState.UNKNOWN if sw == BLOCKED else PukState.CURRENT)


def judge_recover(report: Report) -> Verdict:
    """Judge a RECOVER: one of its two PUKs is the card's."""
    tried = [state for state, name in UNBLOCK_WITH.items() if report.sw(name) is not None]
    wrong = [state for state in tried if is_wrong_reference(report.sw(UNBLOCK_WITH[state]) or 0)]
    right = [state for state in tried if report.sw(UNBLOCK_WITH[state]) == OK]
    if right:
        return Verdict(Holder.SUCCESS, puk=right[0])
    if len(wrong) == len(UNBLOCK_WITH):
        return replace(_refused(_lowest(report, wrong)), wrong_puk_tries=2)
    puk = _other(wrong[0]) if wrong else PukState.UNKNOWN
    return _unsettled(report, puk, wrong, [state for state in tried if state not in wrong])


def _unsettled(report: Report, puk: PukState, wrong: list[PukState], answered: list[PukState]) -> Verdict:
    """No PUK was accepted; by elimination `puk` may be known all the same."""
    left = tries(report.sw(UNBLOCK_WITH[wrong[0]]) or 0).left if wrong else None
    if answered:  # a last answer that is neither 9000 nor 63CX
        verdict = _refused(report.sw(UNBLOCK_WITH[answered[-1]]))
        lost = answered[-1] if verdict.holder is Holder.UNKNOWN else None
        spent = len(wrong) + verdict.wrong_puk_tries
        left = 0 if verdict.puk_tries_left == 0 else _less(left, verdict.wrong_puk_tries)
        return replace(verdict, puk=puk, wrong_puk_tries=spent, puk_tries_left=left, lost=lost)
    flying = next((state for state, name in UNBLOCK_WITH.items() if name == report.in_flight), None)
    if flying is not None:
        spent, left = len(wrong) + 1, _less(left, 1)
        return replace(UNREPORTED, puk=puk, wrong_puk_tries=spent, puk_tries_left=left, lost=flying)
    if wrong and report.end is End.STOPPED:
        return Verdict(Holder.FAILED, "BUDGET_SPENT", puk, len(wrong), left)
    return Verdict(Holder.NOT_ATTEMPTED, _why_not(report), puk, len(wrong), left)


def _refused(sw: int | None) -> Verdict:
    """The answer to a RESET RETRY COUNTER that is not 9000; None for no answer."""
    if sw is None:
        return UNREPORTED
    if is_wrong_reference(sw):
        return Verdict(Holder.FAILED, "SECRET_MISMATCH", PukState.NEITHER, 1, tries(sw).left)
    if sw == BLOCKED:
        return Verdict(Holder.FAILED, "PUK_BLOCKED", puk_tries_left=0)
    if sw == BAD_DATA:
        return Verdict(Holder.PIN_REFUSED, "PIN_REFUSED_BY_CARD")
    if is_refusal(sw):
        return Verdict(Holder.FAILED, "CARD_REFUSED")
    return UNREPORTED


def _after_rotation(report: Report) -> PukState:
    sw = report.sw(ROTATE)
    if sw == OK:
        return PukState.NEXT
    if sw is None:
        return PukState.UNKNOWN if report.in_flight == ROTATE else PukState.CURRENT
    return PukState.CURRENT if is_refusal(sw) else PukState.UNKNOWN


def _why_not(report: Report) -> str:
    return END_CODES.get(report.end, "CARD_REFUSED")


def _other(state: PukState) -> PukState:
    return PukState.NEXT if state is PukState.CURRENT else PukState.CURRENT


def _less(left: int | None, lost: int) -> int | None:
    return None if left is None else max(0, left - lost)


def _lowest(report: Report, states: list[PukState]) -> int:
    return min(report.sw(UNBLOCK_WITH[state]) or 0 for state in states)
