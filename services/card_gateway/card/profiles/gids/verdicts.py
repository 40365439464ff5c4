"""What the report of a RESET means for the holder, and for the tries of the admin key.

The PIN cannot have changed before it was sent, which is after the card took our answer. The key is the same
before and after. Source: what GidsApplet did (design `cards.md`, 3).
"""

from dataclasses import replace

from services.card_gateway.card import tlv
from services.card_gateway.card.facts import END_CODES
from services.card_gateway.card.profiles.gids.scripts import ANSWER, SET_PIN
from services.card_gateway.card.script import Report
from services.card_gateway.card.status_words import (
    BAD_DATA,
    BLOCKED,
    NO_CHALLENGE,
    NOT_SATISFIED,
    OK,
    WRONG_LENGTH,
    is_refusal,
)
from services.card_gateway.card.verdict import UNREPORTED, Holder, PukState, Verdict


def judge_reset(report: Report) -> Verdict:
    """Judge a RESET; whether the card proved itself in it is judged apart, with `proof_in`."""
    answered = report.sw(ANSWER)
    if answered == OK:
        return replace(_judge_pin(report), puk=PukState.CURRENT)
    if answered is None:
        # Sent and not answered: it may have been taken for wrong.
        spent = int(report.in_flight == ANSWER)
        return Verdict(Holder.NOT_ATTEMPTED, _why_not(report), PukState.CURRENT, wrong_puk_tries=spent)
    return _refused(answered)


def took_answer(report: Report) -> bool:
    """True where the card took our answer to its challenge for right."""
    return report.sw(ANSWER) == OK


def proof_in(report: Report) -> bytes:
    """The card's enciphered answer to our challenge; empty where the report has none."""
    answer = report.answer(ANSWER)
    try:
        found = tlv.find(answer.data, 0x7C, 0x82) if answer is not None and answer.sw == OK else None
    except tlv.Malformed:
        return b""
    return found or b""


def _judge_pin(report: Report) -> Verdict:
    sw = report.sw(SET_PIN)
    if sw == OK:
        return Verdict(Holder.SUCCESS)
    if sw is None and report.in_flight != SET_PIN:
        return Verdict(Holder.NOT_ATTEMPTED, _why_not(report))
    if sw in (BAD_DATA, WRONG_LENGTH):
        return Verdict(Holder.PIN_REFUSED, "PIN_REFUSED_BY_CARD")
    if sw is not None and is_refusal(sw):
        return Verdict(Holder.FAILED, "CARD_REFUSED")
    return replace(UNREPORTED, wrong_puk_tries=0)


def _refused(sw: int) -> Verdict:
    """Judge an answer of ours that the card did not take."""
    if sw == NOT_SATISFIED:
        return Verdict(Holder.FAILED, "SECRET_MISMATCH", PukState.NEITHER, wrong_puk_tries=1)
    if sw == BLOCKED:
        return Verdict(Holder.FAILED, "PUK_BLOCKED", PukState.CURRENT, puk_tries_left=0)
    if sw == NO_CHALLENGE:
        return Verdict(Holder.NOT_ATTEMPTED, "PROOF_TIMED_OUT", PukState.CURRENT)
    spent = int(not is_refusal(sw))
    return Verdict(Holder.FAILED, "CARD_REFUSED", PukState.CURRENT, wrong_puk_tries=spent)


def _why_not(report: Report) -> str:
    return END_CODES.get(report.end, "CARD_REFUSED")
