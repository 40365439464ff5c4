"""The scripts of GIDS: what is sent to a card, in which order, and what may go on."""

from services.card_gateway.card.profiles.gids import commands
from services.card_gateway.card.proof import Algorithm
from services.card_gateway.card.script import Action, Kind, Script, Slot, StatusRule, Step

KIND = "GIDS"
SELECT = "select-gids"
CARD_ID = "card-id"
STATUS = "pin-status"
CHALLENGE = "challenge"
ANSWER = "answer"
SET_PIN = "set-pin"
ANYTHING = StatusRule(0x0000, 0x0000, Action.NEXT)


def read_steps() -> tuple[Step, ...]:
    """What is read of a GIDS card. Nothing of it is proven: the card signs nothing without its PIN."""
    return (
        Step(SELECT, commands.SELECT),
        Step(CARD_ID, commands.CARD_ID, keep=True),
        Step(STATUS, commands.PIN_STATUS, rules=(ANYTHING,), keep=True),
    )


def prove_script(card_id_hash: bytes, algorithm: Algorithm | None) -> Script:
    """Ask the card that was read for its challenge, which lives until anybody selects anything."""
    steps = (
        Step(SELECT, commands.SELECT),
        _same_card(card_id_hash),
        Step("admin-key", commands.CHOOSE_ADMIN_KEY),
        Step(CHALLENGE, commands.CHALLENGE, Slot.CHALLENGE, commands.CHALLENGE_OFFSET, keep=True),
    )
    return Script(Kind.PROVE, steps)


def answer_script(card_id_hash: bytes, answer: bytes) -> Script:
    """Answer the challenge, then set the new PIN. Selects nothing: that would end the challenge. SECRET."""
    steps = (
        _same_card(card_id_hash),
        Step(ANSWER, commands.answer_challenge(answer), keep=True),
        Step(SET_PIN, commands.SET_PIN, Slot.PIN_RAW),
        Step(STATUS, commands.PIN_STATUS, rules=(ANYTHING,), keep=True),
    )
    return Script(Kind.RESET, steps)


def _same_card(card_id_hash: bytes) -> Step:
    return Step(CARD_ID, commands.CARD_ID, keep=True, expect_sha256=card_id_hash)
