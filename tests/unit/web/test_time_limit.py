"""When the work on a page ends, and that nobody is told of an end that matters to nobody. WCAG 2.2.1."""

from dataclasses import replace
from datetime import timedelta

import pytest

from services.web.domain.journey import (
    ADDRESS,
    AFTERLIFE,
    CONTACT,
    DONE,
    IN_PERSON,
    PROFILE,
    SIGN_IN,
    START,
    VOUCH,
    WORKING,
    Closing,
    Journey,
)
from tests.fakes.web_peers import CLAIM, DEADLINE, NOW, SESSION_ID

SIGNED_OUT = NOW + timedelta(minutes=10)
UNLOCKING = Journey(
    ends_at=DEADLINE + AFTERLIFE, csrf="c" * 43, attempt_id=SESSION_ID, session_id=SESSION_ID, claim=CLAIM
)
SIGNED_IN = replace(UNLOCKING, profile_grant="profile-grant", signed_in_until=SIGNED_OUT)


def test_an_unlock_ends_with_its_session() -> None:
    assert UNLOCKING.closing(ADDRESS) == Closing(DEADLINE, signed_in=False)


@pytest.mark.parametrize("path", [PROFILE, CONTACT, "/ra/holders/1/address", IN_PERSON])
def test_whoever_is_signed_in_is_signed_out_with_the_grant(path: str) -> None:
    assert SIGNED_IN.closing(path) == Closing(SIGNED_OUT, signed_in=True)


def test_an_ra_who_vouches_is_told_of_the_end_that_comes_first() -> None:
    assert SIGNED_IN.closing(VOUCH) == Closing(SIGNED_OUT, signed_in=True)
    late = replace(SIGNED_IN, ends_at=NOW + AFTERLIFE)
    assert late.closing(VOUCH) == Closing(NOW, signed_in=False)


@pytest.mark.parametrize("path", [START, SIGN_IN, WORKING, DONE, "/help"])
def test_where_nothing_would_be_lost_nobody_is_told(path: str) -> None:
    assert SIGNED_IN.closing(path) is None


def test_before_a_session_and_without_a_sign_in_nothing_ends() -> None:
    assert replace(UNLOCKING, session_id="").closing(ADDRESS) is None
    assert UNLOCKING.closing(PROFILE) is None
