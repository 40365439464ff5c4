"""PROVE_HOLDER on a PIV card: the PIN is verified once, then the 9A key signs. Nothing is changed on it.

The tries are read first, in the same script, and the last one is not sent unless the person asked for
that. Source: what cards answered (design `cards.md`, 1.4, 1.8).
"""

from services.card_gateway.card import tlv
from services.card_gateway.card.facts import END_CODES
from services.card_gateway.card.profiles.piv import commands
from services.card_gateway.card.profiles.piv.changing import TRIES, enough_tries, why_not_sent
from services.card_gateway.card.proof import Algorithm
from services.card_gateway.card.script import End, Kind, Report, Script, Slot, Step
from services.card_gateway.card.status_words import BLOCKED, OK, is_wrong_reference, tries
from services.card_gateway.card.verdict import HolderVerdict

VERIFY = "verify"
SIGN = "sign-9a"


def prove_holder_script(chuid_hash: bytes, algorithm: Algorithm, *, last_try: bool) -> Script:
    """Verify the PIN, then sign; `algorithm` is that of the 9A key. The agent fills in PIN and digest."""
    slot, template = commands.SIGNATURE_TEMPLATE[algorithm]
    steps = (
        *enough_tries(chuid_hash, last_try=last_try),
        Step(VERIFY, commands.VERIFY_PIN, Slot.CURRENT_PIN),
        Step(SIGN, commands.sign(algorithm, commands.AUTHENTICATION_KEY), slot, len(template), keep=True),
    )
    return Script(Kind.PROVE_HOLDER, steps)


def judge_holder(report: Report) -> HolderVerdict:
    """Judge a PROVE_HOLDER. A card that went away in the middle has proved nothing and lost nothing."""
    sw, before = report.sw(VERIFY), report.sw(TRIES)
    told = None if before is None else tries(before)
    if sw is None:
        # Sent and not answered: it may have cost a try, which the next script reads before it sends one.
        sent = report.in_flight == VERIFY
        return HolderVerdict(_ended(report) if sent else why_not_sent(report, told), None if sent else told)
    if is_wrong_reference(sw) or sw == BLOCKED:
        left = tries(sw)
        return HolderVerdict("CARD_LOCKED" if left.blocked else "CURRENT_PIN_WRONG", left)
    signature = _signature(report) if sw == OK else None
    return HolderVerdict("" if signature else _ended(report), signature=signature)


def _ended(report: Report) -> str:
    """Why there is no signature: how the script ended, else what the card refused."""
    return "CARD_REFUSED" if report.end is End.STOPPED else END_CODES.get(report.end, "CARD_REFUSED")


def _signature(report: Report) -> bytes | None:
    answer = report.answer(SIGN)
    if answer is None or answer.sw != OK:
        return None
    try:
        return tlv.find(answer.data, 0x7C, 0x82)
    except tlv.Malformed:
        return None
