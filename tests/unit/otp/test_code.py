from dataclasses import replace
from datetime import timedelta

import pytest

from services.otp.domain.code import Bearer, Code, Finding, State, compare, digits_of, superseded
from tests.fakes.clock import NOON

LIFETIME = timedelta(minutes=15)
BEARER = Bearer("session", "holder", "card", "UNLOCK", 1)
CODE = Code("code 1", BEARER, b"right", NOON, NOON + LIFETIME, "attempt")
NEXT = Code(
    "code 2", BEARER, b"right too", NOON + timedelta(minutes=2), NOON + timedelta(minutes=17), "attempt 2"
)
IN_TIME = NOON + timedelta(minutes=3)


def find(codes: list[Code], digits: bytes, at: object = IN_TIME, bearer: Bearer = BEARER) -> Finding:
    return compare(codes, {code.code_id: [digits] for code in codes}, bearer, at)[0]  # type: ignore[arg-type]


def test_R49_accepted_a_millisecond_before_15_minutes() -> None:
    assert find([CODE], b"right", NOON + LIFETIME - timedelta(milliseconds=1)) is Finding.RIGHT


@pytest.mark.parametrize("late", [timedelta(0), timedelta(microseconds=1), timedelta(days=1)])
def test_R49_I1_refused_at_15_minutes_exactly_and_later(late: timedelta) -> None:
    assert find([CODE], b"right", NOON + LIFETIME + late) is Finding.DEAD


def test_wrong_digits_are_wrong() -> None:
    assert find([CODE], b"wrong") is Finding.WRONG


def test_I1_a_used_code_answers_as_a_late_one() -> None:
    used = replace(CODE, state=State.USED)

    assert find([used], b"right") is Finding.DEAD
    assert find([used], b"wrong") is Finding.DEAD


def test_without_a_code_an_entry_is_dead() -> None:
    assert find([], b"right") is Finding.DEAD


def test_I10_a_resend_supersedes_and_the_older_code_says_so() -> None:
    codes = [*superseded([CODE]), NEXT]

    assert find(codes, b"right") is Finding.SUPERSEDED
    assert find(codes, b"right too") is Finding.RIGHT
    assert find(codes, b"neither") is Finding.WRONG


def test_either_of_two_keys_may_be_the_one() -> None:
    assert compare([CODE], {"code 1": [b"other", b"right"]}, BEARER, IN_TIME) == (Finding.RIGHT, CODE)


def test_nobody_loses_a_try_over_a_code_whose_key_is_gone() -> None:
    assert compare([CODE], {"code 1": []}, BEARER, IN_TIME) == (Finding.DEAD, None)


def test_a_superseded_code_is_dead_once_the_newer_one_is() -> None:
    assert find([*superseded([CODE]), NEXT], b"right", NEXT.expires_at) is Finding.DEAD


@pytest.mark.parametrize(
    "other",
    [
        replace(BEARER, session_id="another"),
        replace(BEARER, holder_ref="another"),
        replace(BEARER, card_ref="another"),
        replace(BEARER, purpose="REGISTER"),
        replace(BEARER, address_version=2),
    ],
)
def test_S7_a_code_serves_its_own_session_holder_card_purpose_and_address_only(other: Bearer) -> None:
    assert find([CODE], b"right", bearer=other) is Finding.DEAD


@pytest.mark.parametrize(
    "typed", ["12345678", " 1234 5678 ", "1234-5678", "12 34 56 78", "1234\u00a05678", "1234\u20135678\n"]
)
def test_R52_a_code_may_be_typed_or_pasted_with_spaces_and_hyphens(typed: str) -> None:
    assert digits_of(typed, 8) == "12345678"


@pytest.mark.parametrize(
    "typed", ["", "1234567", "123456789", "1234567a", "١٢٣٤٥٦٧٨", "１２３４５６７８", "1234.5678"]
)
def test_anything_else_is_no_code(typed: str) -> None:
    assert digits_of(typed, 8) is None
