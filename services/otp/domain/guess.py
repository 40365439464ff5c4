"""How likely somebody is to guess a code, from the limits in force.

An upper bound for one holder and card: whoever has the card and never reads the mail.
"""

from fractions import Fraction

from services.otp.domain.policy import Policy

HIGHEST_CHANCE = Fraction(1, 10**6)
"""Per holder and year. Source: quality S3."""

DAYS_A_YEAR = 365


def entries_a_year(policy: Policy) -> int:
    """Return the most wrong entries a year that no RA has to clear.

    No 24 h see more than `wrong_per_day`, whatever the cool-off; the year's own limit holds besides.
    """
    by_day = policy.wrong_per_day * DAYS_A_YEAR
    return by_day if policy.wrong_per_year is None else min(by_day, policy.wrong_per_year)


def chance_a_year(policy: Policy) -> Fraction:
    """Return the chance that one of a year's entries is right by luck.

    Each entry is judged against one live code of `digits` uniform digits.
    """
    return Fraction(entries_a_year(policy), 10**policy.digits)


def cards_within_the_limit(policy: Policy) -> int:
    """Return how many cards one holder may have before the chance over all of them is too high."""
    return int(HIGHEST_CHANCE / chance_a_year(policy))


def acceptable(policy: Policy) -> bool:
    """Tell whether a deployment may run with these limits."""
    return chance_a_year(policy) <= HIGHEST_CHANCE
