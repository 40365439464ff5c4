from datetime import timedelta
from fractions import Fraction

import pytest

from services.otp.domain.guess import acceptable, cards_within_the_limit, chance_a_year
from services.otp.domain.policy import Policy


def test_S3_the_default_is_nine_in_a_hundred_million() -> None:
    assert chance_a_year(Policy()) == Fraction(9, 10**8)


def test_S3_a_holder_of_eleven_cards_is_still_within_the_limit() -> None:
    assert cards_within_the_limit(Policy()) == 11


def test_S3_six_digits_with_a_daily_cool_off_would_be_one_in_a_thousand() -> None:
    policy = Policy(digits=6, wrong_per_year=None, cool_off=timedelta(days=1))

    assert round(float(chance_a_year(policy)), 3) == 0.001


@pytest.mark.parametrize(
    ("policy", "good"),
    [
        (Policy(), True),
        (Policy(digits=7), True),
        (Policy(digits=6), False),
        (Policy(digits=7, wrong_per_year=10), True),
        (Policy(digits=7, wrong_per_year=11), False),
        (Policy(digits=8, wrong_per_year=None), False),
        (Policy(digits=10, wrong_per_year=None), True),
    ],
)
def test_S3_limits_under_which_guessing_pays_are_refused(policy: Policy, good: bool) -> None:
    assert acceptable(policy) is good
