from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from services.otp.domain.code import Bearer, Code
from services.otp.domain.issue import Recent, Refusal, refusal
from services.otp.domain.policy import Policy
from tests.fakes.clock import NOON

POLICY = Policy()
BEARER = Bearer("session", "holder", "card", "UNLOCK", 1)
SECOND = timedelta(seconds=1)


def code(at: datetime) -> Code:
    return Code(f"code {at}", BEARER, b"", at, at + POLICY.lifetime, f"attempt {at}")


def refused(codes: list[Code], at: datetime, mailed: int = 0, left: int = 3) -> Refusal | None:
    before = [code(NOON - timedelta(hours=1))] * mailed
    return refusal(Recent(codes, [*codes, *before]), BEARER, left, POLICY, at)


def test_the_first_code_is_issued() -> None:
    assert refused([], NOON) is None


def test_S10_the_next_code_comes_after_60_seconds() -> None:
    first = code(NOON)

    assert refused([first], NOON + 60 * SECOND - SECOND / 1000) == Refusal(
        "RESEND_TOO_SOON", NOON + 60 * SECOND
    )
    assert refused([first], NOON + 60 * SECOND) is None


def test_S10_two_resends_a_session_and_no_more() -> None:
    three = [code(NOON), code(NOON + 60 * SECOND), code(NOON + 120 * SECOND)]

    assert refused(three, NOON + timedelta(minutes=30)) == Refusal("NO_MORE_CODES")


def test_S10_six_mails_a_day_to_one_address() -> None:
    assert refused([], NOON, mailed=5) is None
    assert refused([], NOON, mailed=6) == Refusal("MAIL_LIMIT")
    assert refused([], NOON + timedelta(hours=23), mailed=6) is None


def elsewhere(count: int, **changes: object) -> list[Code]:
    """Codes of other sessions of the holder, an hour ago."""
    bearer = replace(BEARER, session_id="other", **changes)  # type: ignore[arg-type]
    return [replace(code(NOON - timedelta(hours=1)), bearer=bearer)] * count


@pytest.mark.parametrize(
    ("recent", "limit"),
    [
        (Recent([], elsewhere(6, address_version=9)), "CARD_CODE_LIMIT"),
        (Recent([], elsewhere(12, address_version=9, card_ref="other")), "HOLDER_CODE_LIMIT"),
        (Recent([], [], of_network=500), "NETWORK_CODE_LIMIT"),
        (Recent([], [], of_organisation=2_000), "ORGANISATION_CODE_LIMIT"),
    ],
)
def test_S10_codes_of_a_day_are_limited_by_card_holder_network_and_organisation(
    recent: Recent, limit: str
) -> None:
    one_less = Recent(
        [], recent.of_holder[1:], max(recent.of_network - 1, 0), max(recent.of_organisation - 1, 0)
    )

    assert refusal(recent, BEARER, 3, POLICY, NOON) == Refusal(limit)
    assert refusal(one_less, BEARER, 3, POLICY, NOON) is None
    assert refusal(Recent([], recent.of_holder), BEARER, 3, POLICY, NOON + timedelta(hours=23)) is None


def test_R48_no_code_for_a_locked_card() -> None:
    assert refused([], NOON, left=0) == Refusal("LOCKED_TO_RA")
