from datetime import datetime, timedelta

from services.otp.domain.code import Bearer, Code
from services.otp.domain.issue import Refusal, refusal
from services.otp.domain.policy import Policy
from tests.fakes.clock import NOON

POLICY = Policy()
BEARER = Bearer("session", "holder", "card", "UNLOCK", 1)
SECOND = timedelta(seconds=1)


def code(at: datetime) -> Code:
    return Code(f"code {at}", BEARER, b"", at, at + POLICY.lifetime, f"attempt {at}")


def refused(codes: list[Code], at: datetime, mailed: int = 0, left: int = 3) -> Refusal | None:
    times = [each.issued_at for each in codes] + [NOON - timedelta(hours=1)] * mailed
    return refusal(codes, times, left, POLICY, at)


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


def test_R48_no_code_for_a_locked_card() -> None:
    assert refused([], NOON, left=0) == Refusal("LOCKED_TO_RA")
