"""Passcodes typed at the agent: judged by the rules of the page, and a sentence for every reason."""

import pytest

from services.agent import messages, typed
from services.agent.ports import Typed
from services.card_gateway.card.pin_policy import Weakness
from services.web import texts

GOOD, OTHER, CURRENT = "583920", "740518", "1234"


@pytest.mark.parametrize(
    ("new", "again", "current", "reason"),
    [
        (GOOD, GOOD, CURRENT, ""),
        (GOOD, GOOD, "", "CURRENT_MISSING"),
        (GOOD, GOOD, "123", "CURRENT_FORM"),
        ("", "", CURRENT, "MISSING"),
        ("58392", "58392", CURRENT, "LENGTH"),
        ("58392a", "58392a", CURRENT, "NOT_DIGITS"),
        ("123456", "123456", CURRENT, "SEQUENCE"),
        ("121212", "121212", CURRENT, "REPEAT"),
        ("241299", "241299", CURRENT, "DATE"),
        ("159753", "159753", CURRENT, "COMMON"),
        (GOOD, GOOD, GOOD, "SAME"),
        (GOOD, OTHER, CURRENT, "DIFFERENT"),
        (GOOD, "", CURRENT, "DIFFERENT"),
    ],
)
def test_R51_each_reason_is_found(new: str, again: str, current: str, reason: str) -> None:
    assert typed.first_objection(new, again, current, asks_current=True) == reason


def test_R51_a_current_passcode_counts_only_where_it_is_asked_for() -> None:
    assert typed.first_objection(GOOD, GOOD, GOOD, asks_current=False) == ""


def test_R51_every_reason_has_a_sentence_and_the_page_knows_the_same() -> None:
    reasons = {each.value for each in Weakness} | {typed.MISSING, typed.DIFFERENT, typed.CURRENT_MISSING}

    assert set(messages.PASSCODE_REFUSED) == reasons
    assert set(texts.PASSCODE_REFUSED) == reasons | {"NOT_SEALED"}


def test_I12_what_was_typed_is_in_no_text_of_it() -> None:
    assert GOOD not in repr(Typed(GOOD, CURRENT))
