"""What the cookie holds across versions, and what fits into it. F21."""

import json
from base64 import urlsafe_b64encode
from dataclasses import replace
from random import Random
from string import ascii_uppercase, digits
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from services.web import grants
from services.web.domain.journey import Journey, Reason, State
from services.web.sessions import COOKIE_PURPOSE, MOST_BYTES, NONCE_BYTES, CookieSealer, set_cookie
from tests.fakes.web_peers import CLAIM, DEADLINE, NOW, SESSION_ID, World
from tests.unit.web.conftest import COOKIE_KEY, Visitor
from tests.unit.web.test_profile_pages import SEALED, reach_passcode

MOST_ROLES = 200
"""In a grant of identity."""
JOURNEY = Journey(
    ends_at=DEADLINE, csrf="c" * 43, attempt_id=SESSION_ID, reason=Reason.SIGN_IN, session_id=SESSION_ID,
    claim=CLAIM, words_confirmed=True, profile_grant="header.payload.signature", spent_csrf="s" * 43,
)  # fmt: skip
THIS_VERSION = {
    "ends_at": DEADLINE.isoformat(), "csrf": "c", "attempt_id": SESSION_ID, "reason": "LOCKED",
    "address_token": "", "session_id": SESSION_ID, "claim": CLAIM, "code_asked": True,
    "words_confirmed": False, "last_try": False, "nudge": "", "profile_grant": "", "spent_csrf": "",
}  # fmt: skip
"""A cookie as this version writes it. Fields may be added to it, none renamed: two versions share it."""


def text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def sealed(fields: dict[str, Any]) -> str:
    """A cookie as some version of ours may have written it."""
    nonce = bytes(NONCE_BYTES)
    return text(nonce + AESGCMSIV(COOKIE_KEY).encrypt(nonce, json.dumps(fields).encode(), COOKIE_PURPOSE))


def grant_with(roles: int, letters: int = 6) -> str:
    """A grant as identity signs it, of the size that this many roles make it."""
    chance = Random(roles)
    codes = ("".join(chance.choices(ascii_uppercase + digits, k=letters)) for _ in range(roles))
    claims = {
        "iss": "identity", "aud": ["card_gateway", "identity", "otp"], "iat": 1795698000, "exp": 1795698600,
        "jti": SESSION_ID, "sid": SESSION_ID, "card": "c1" * 16, "reason": "SIGN_IN", "route": "SELF",
        "agent": "t" * 43, "purpose": "PROFILE", "holder": "d1" * 16, "organisation": "X26",
        "roles": " ".join(f"RA@{code}" for code in codes),
    }  # fmt: skip
    header = json.dumps({"alg": "Ed25519", "typ": "profile-grant+jwt", "kid": "identity-1"}).encode()
    return ".".join(map(text, (header, json.dumps(claims).encode(), chance.randbytes(64))))


def test_F21_a_newer_replicas_cookie_is_read_here_and_what_we_do_not_know_is_left(
    sealer: CookieSealer,
) -> None:
    newer = THIS_VERSION | {"desk": "RA", "reason": "RENEW"}
    found = sealer.open(sealed(newer), NOW)

    assert found is not None
    assert (found.session_id, found.claim, found.code_asked, found.reason) == (SESSION_ID, CLAIM, True, None)


def test_F21_an_older_replicas_cookie_is_read_here(sealer: CookieSealer) -> None:
    older = {name: value for name, value in THIS_VERSION.items() if name not in ("spent_csrf", "nudge")}
    found = sealer.open(sealed(older), NOW)

    assert found is not None
    assert (found.session_id, found.reason, found.spent_csrf) == (SESSION_ID, Reason.LOCKED, "")


def test_F21_what_this_version_writes_keeps_its_names(sealer: CookieSealer) -> None:
    found = sealer.open(sealed(THIS_VERSION), NOW)
    assert found is not None

    assert set(THIS_VERSION) <= set(vars(found))


@pytest.mark.parametrize("roles", [0, 1, 60, MOST_ROLES])
@pytest.mark.parametrize("letters", [3, 8])
def test_a_grant_of_many_roles_fits_into_the_cookie_and_comes_back_whole(
    sealer: CookieSealer, roles: int, letters: int
) -> None:
    journey = replace(JOURNEY, profile_grant=grant_with(roles, letters), address_token="a" * 43)
    value = sealer.seal(journey)

    assert len(set_cookie(value)) <= MOST_BYTES
    assert sealer.open(value, NOW) == journey


@pytest.mark.parametrize("kept", ["~", "~!", "~AAAA", "~" + text(bytes(40))])
def test_what_was_never_packed_is_no_grant(kept: str) -> None:
    with pytest.raises(ValueError, match=r"not a packed grant|base64|invalid|Invalid|Incorrect"):
        grants.unpacked(kept)


async def test_R31_a_holder_with_200_roles_signs_in(visitor: Visitor, world: World) -> None:
    world.profile_grant = grant_with(MOST_ROLES)
    await reach_passcode(visitor, world)
    await visitor.submit("/sign-in/passcode", sealed_current=SEALED)
    world.change(state=State.SUCCESS)
    await visitor.open("/working")
    await visitor.open("/profile")

    assert visitor.at() == "/profile"
    assert len(visitor.page.request.headers["cookie"]) <= MOST_BYTES
    assert ("profile", world.profile_grant) in world.calls
