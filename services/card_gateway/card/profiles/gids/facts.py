"""What a READ or PROVE report says of a GIDS card. Not whether it is true."""

import hashlib

from services.card_gateway.card import tlv
from services.card_gateway.card.facts import END_CODES, UNSUPPORTED_CARD, CardFacts, Challenged, Unsupported
from services.card_gateway.card.profiles.gids.answers import CHALLENGE_LENGTH
from services.card_gateway.card.profiles.gids.scripts import CARD_ID, CHALLENGE, KIND, STATUS
from services.card_gateway.card.proof import is_ours
from services.card_gateway.card.script import Report
from services.card_gateway.card.status_words import OK, Tries, tries

CARD_ID_LENGTH = 16
_TRIES_LEFT = 0x97


def parse_read(report: Report) -> CardFacts | Unsupported:
    """The facts of a READ, or why there are none."""
    if report.end in END_CODES:
        return Unsupported(END_CODES[report.end])
    try:
        return _facts(report)
    except tlv.Malformed:
        return Unsupported(UNSUPPORTED_CARD)


def parse_proof(report: Report) -> Challenged | Unsupported:
    """The card's challenge out of a PROVE, or why there is none."""
    if report.end in END_CODES:
        return Unsupported(END_CODES[report.end])
    try:
        card_id, template = _kept(report, CARD_ID), _kept(report, CHALLENGE)
        challenge = None if template is None else tlv.find(template, 0x7C, 0x81)
    except tlv.Malformed:
        return Unsupported("CARD_NOT_GENUINE")
    if card_id is None or challenge is None or len(challenge) != CHALLENGE_LENGTH or is_ours(challenge):
        return Unsupported("CARD_NOT_GENUINE")
    return Challenged(hashlib.sha256(card_id).digest(), challenge)


def _facts(report: Report) -> CardFacts | Unsupported:
    stored = _kept(report, CARD_ID)
    card_id = None if stored is None else tlv.find(stored, 0xDF20)
    last = report.sw("tries")
    if stored is None or card_id is None or len(card_id) != CARD_ID_LENGTH or last is None:
        return Unsupported(UNSUPPORTED_CARD)
    pin = _tries(_kept(report, STATUS)) or tries(last)
    return CardFacts(
        kind=KIND,
        guid=card_id,
        chuid_hash=hashlib.sha256(stored).digest(),
        cert_9a_der=None,
        cert_9e_der=None,
        pin_tries_left=pin.left,
        pin_blocked=pin.blocked,
        signature=None,
        algorithm=None,
        puk_tries_left=None,
        puk_is_default=None,
    )


def _tries(status: bytes | None) -> Tries | None:
    """The count of a status object; None where there is none to read."""
    try:
        left = None if status is None else tlv.find(status, 0x7F71, _TRIES_LEFT)
    except tlv.Malformed:
        return None
    return None if left is None or len(left) != 1 else Tries(blocked=left[0] == 0, left=left[0])


def _kept(report: Report, name: str) -> bytes | None:
    answer = report.answer(name)
    return answer.data if answer is not None and answer.sw == OK else None
