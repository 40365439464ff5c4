"""Security questions: which answers are the same, which will do, and how often they may be wrong."""

from itertools import pairwise

import pytest

from services.identity.domain.questions import (
    QUESTIONS,
    Answer,
    Tries,
    after,
    all_the_same,
    chosen,
    is_complete,
    normalised,
    secret_of,
    troubles_with,
)
from tests.fakes.clock import NOON

FOUR = [
    Answer("FIRST_PET", "Biscuit"),
    Answer("FIRST_SCHOOL", "St Example's"),
    Answer("PARENTS_MET", "Exampleton"),
    Answer("CHILDHOOD_WISH", "an astronaut"),
]


def test_R41_exactly_twenty_questions_are_offered_and_all_differ() -> None:
    assert len(QUESTIONS) == 20
    assert len({text.casefold() for text in QUESTIONS.values()}) == 20


@pytest.mark.parametrize(
    "answers",
    [
        FOUR[:3],
        [*FOUR, Answer("FIRST_CAR", "Example 12")],
        [*FOUR[:3], FOUR[0]],
        [*FOUR[:3], Answer("X", "y")],
        [],
    ],
    ids=["three", "five", "one twice", "one of no list", "none"],
)
def test_R41_R57_exactly_four_different_ones_are_chosen(answers: list[Answer]) -> None:
    assert chosen(answers) is None
    assert chosen(FOUR) == ("FIRST_SCHOOL", "FIRST_PET", "CHILDHOOD_WISH", "PARENTS_MET")


@pytest.mark.parametrize(
    ("typed", "same"),
    [
        ("Saint-Example\u2019s", "  SAINT   EXAMPLE'S "),
        ("ＥＸＡＭＰＬＥ　１２", "example 12"),
        ("Stra\u00dfe", "STRASSE"),
        ("Cafe\u0301", "caf\u00e9"),
        ("\ufb01sh & chips", "Fish; chips!"),
        ("\u0130stanbul", "i\u0307STANBUL"),
    ],
)
def test_R57_what_people_type_differently_each_time_is_the_same_answer(typed: str, same: str) -> None:
    assert normalised(typed) == normalised(same) != ""


def test_R57_different_words_stay_different() -> None:
    words = ("cat", "cats", "c at", "\u732b", "café", "cafe")

    assert len({normalised(word) for word in words}) == len(words)


def test_a_normalised_answer_is_normalised() -> None:
    for typed in ("\u0345\u1fb3", "\u01c4x", "ẞ ﬃ", "a\u00a0b\tc\nd=e"):
        once = normalised(typed)
        assert normalised(once) == once
        assert not set(once) & set("=\n\t")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "ANSWER_MISSING"),
        ("   ", "ANSWER_MISSING"),
        ("ab", "ANSWER_TOO_SHORT"),
        ("a - b", "ANSWER_TOO_SHORT"),
        ("!!!!!", "ANSWER_TOO_SHORT"),
        ("x" * 101, "ANSWER_TOO_LONG"),
        ("Ely", ""),
        ("x" * 100, ""),
    ],
)
def test_R57_an_answer_that_is_empty_too_short_or_too_long_is_refused_by_name(text: str, code: str) -> None:
    found = [(each.question, each.code) for each in troubles_with([*FOUR[:3], Answer("FIRST_CAR", text)])]

    assert found == ([("FIRST_CAR", code)] if code else [])


def test_R57_one_answer_to_all_questions_is_none() -> None:
    assert all_the_same(
        [Answer(each.question, word) for each, word in zip(FOUR, ("No", "no!", " NO", "no"), strict=True)]
    )
    assert not all_the_same(FOUR)


def test_the_order_of_the_answers_does_not_count_and_each_belongs_to_its_question() -> None:
    swapped = [Answer(one.question, other.text) for one, other in pairwise([*FOUR, FOUR[0]])]

    assert secret_of(FOUR) == secret_of(FOUR[::-1])
    assert secret_of(swapped) != secret_of(FOUR)


def test_answers_are_complete_only_for_the_questions_that_were_asked() -> None:
    asked = chosen(FOUR) or ()

    assert is_complete(FOUR, asked)
    assert not is_complete([*FOUR[:3], Answer("CHILDHOOD_WISH", " ")], asked)
    assert not is_complete(FOUR[:3], asked)
    assert not is_complete([*FOUR, FOUR[0]], asked)
    assert not is_complete([*FOUR[:3], Answer("FIRST_CAR", "Example")], asked)


def test_R48_the_third_failure_in_a_row_locks_and_right_answers_end_the_row() -> None:
    once = after(Tries(), right=False, now=NOON)
    twice = after(once, right=False, now=NOON)

    assert (once.left, twice.left) == (2, 1)
    assert after(twice, right=False, now=NOON) == Tries(3, NOON)
    assert after(twice, right=False, now=NOON).left == 0
    assert after(twice, right=True, now=NOON) == Tries()


def test_an_answer_is_in_no_repr() -> None:
    assert "Biscuit" not in repr(FOUR)
