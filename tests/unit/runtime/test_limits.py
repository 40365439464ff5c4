"""How long a grant in a request may be: as long as any that is signed, and no longer."""

import pytest
from smartcard_unlock.identity.v1 import identity_pb2

from services.runtime.grants import MAX_TOKEN_LENGTH
from services.runtime.limits import MAX_TEXT, within_limits


@pytest.mark.parametrize(("length", "good"), [(MAX_TOKEN_LENGTH, True), (MAX_TOKEN_LENGTH + 1, False)])
def test_S42_a_grant_of_200_roles_fits_into_a_request_and_nothing_longer(length: int, good: bool) -> None:
    assert within_limits(identity_pb2.GetProfileRequest(profile_grant="g" * length)) is good


def test_S42_what_is_no_grant_is_as_short_as_before() -> None:
    assert not within_limits(identity_pb2.UpdateContactRequest(address="a" * (MAX_TEXT + 1)))


@pytest.mark.parametrize("text", ["\x00", "a\x00b"])
def test_S42_no_text_holds_what_no_column_can(text: str) -> None:
    assert not within_limits(identity_pb2.UpdateContactRequest(address=text))
    assert within_limits(identity_pb2.UpdateContactRequest(address="a\tb"))
