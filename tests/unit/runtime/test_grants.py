import base64
import hmac
import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey

from deploy.local.keys import Keys
from services.runtime.grants import (
    CardGrant,
    GrantRefused,
    GrantSigner,
    GrantVerifier,
    HolderGrant,
    UnlockGrant,
    _claims_of,
)
from tests.fakes.clock import NOON, FakeClock

GRANT = CardGrant(
    session_id="s-1",
    card_ref="c" * 32,
    reason="LOCKED",
    route="SELF",
    agent_key_thumbprint="t" * 43,
    jti="j-1",
    issued_at=NOON,
    expires_at=NOON + timedelta(minutes=30),
    purpose="UNLOCK",
    level="GENUINE",
    certificate_expires_at=NOON + timedelta(days=300),
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def signer(keys: Keys) -> GrantSigner:
    (path,) = (keys.folder / "grant-signing" / "card_gateway").glob("*.pem")
    return GrantSigner.from_file("card_gateway", path)


def verifier(keys: Keys, audience: str, clock: FakeClock) -> GrantVerifier:
    return GrantVerifier.from_dir(keys.folder / "grant-verify", audience, clock)


def test_a_grant_comes_back_as_it_was_signed(keys: Keys, signer: GrantSigner, clock: FakeClock) -> None:
    assert verifier(keys, "identity", clock).verify(signer.sign(GRANT), CardGrant) == GRANT


@pytest.mark.parametrize("audience", ["otp", "card_gateway", "web", ""])
def test_a_grant_for_another_audience_is_refused(
    keys: Keys, signer: GrantSigner, clock: FakeClock, audience: str
) -> None:
    with pytest.raises(GrantRefused):
        verifier(keys, audience, clock).verify(signer.sign(GRANT), CardGrant)


@pytest.mark.parametrize("kind", [HolderGrant, UnlockGrant])
def test_a_grant_of_another_kind_is_refused(
    keys: Keys, signer: GrantSigner, clock: FakeClock, kind: type[Any]
) -> None:
    with pytest.raises(GrantRefused):
        verifier(keys, "card_gateway", clock).verify(signer.sign(GRANT), kind)


def test_an_issuer_cannot_sign_what_it_does_not_issue(keys: Keys) -> None:
    (path,) = (keys.folder / "grant-signing" / "otp").glob("*.pem")

    with pytest.raises(ValueError, match="does not issue"):
        GrantSigner.from_file("otp", path).sign(GRANT)


@pytest.mark.parametrize(
    ("moved", "good"),
    [
        (timedelta(seconds=-30), True),
        (timedelta(seconds=-31), False),
        (timedelta(minutes=30, seconds=29), True),
        (timedelta(minutes=30, seconds=30), False),
    ],
)
def test_a_grant_tolerates_thirty_seconds_of_skew_and_no_more(
    keys: Keys, signer: GrantSigner, clock: FakeClock, moved: timedelta, good: bool
) -> None:
    token = signer.sign(GRANT)
    clock.set(NOON + moved)

    if good:
        assert verifier(keys, "identity", clock).verify(token, CardGrant) == GRANT
    else:
        with pytest.raises(GrantRefused):
            verifier(keys, "identity", clock).verify(token, CardGrant)


def test_a_grant_that_claims_ten_years_is_refused(keys: Keys, signer: GrantSigner, clock: FakeClock) -> None:
    token = signer.sign(replace(GRANT, expires_at=NOON + timedelta(days=3650)))

    with pytest.raises(GrantRefused):
        verifier(keys, "identity", clock).verify(token, CardGrant)


def forgeries(keys: Keys, signer: GrantSigner) -> dict[str, str]:
    (signing,) = (keys.folder / "grant-signing" / "card_gateway").glob("*.pem")
    (public,) = (keys.folder / "grant-verify" / "card_gateway").glob("*.pem")
    ours = OKPKey.import_key(signing.read_bytes())
    other = OKPKey.generate_key("Ed25519")
    good = signer.sign(GRANT)
    head, body, signature = good.split(".")
    claims = jwt.decode(good, ours, algorithms=["Ed25519"]).claims
    header = {"alg": "Ed25519", "typ": "card-grant+jwt", "kid": signing.stem}

    def made(header: dict[str, Any], claims: dict[str, Any], key: Any) -> str:
        return jwt.encode(header, claims, key, algorithms=["Ed25519"])

    def part(content: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    def by_hand(algorithm: str, secret: bytes | None) -> str:
        signed = f"{part(header | {'alg': algorithm})}.{body}"
        mac = hmac.digest(secret, signed.encode(), "sha256") if secret else b""
        return f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    return {
        "another key": made(header, claims, other),
        "embedded jwk": made(header | {"jwk": other.as_dict(private=False)}, claims, other),
        "EdDSA": f"{part(header | {'alg': 'EdDSA'})}.{body}.{signature}",
        "HS256 with the public key": by_hand("HS256", public.read_bytes()),
        "none": by_hand("none", None),
        "no kid": made({"alg": "Ed25519", "typ": "card-grant+jwt"}, claims, ours),
        "no typ": made({"alg": "Ed25519", "kid": signing.stem}, claims, ours),
        "typ JWT": made(header | {"typ": "JWT"}, claims, ours),
        "another issuer": made(header, claims | {"iss": "otp"}, ours),
        "extra claim": made(header, claims | {"admin": True}, ours),
        "missing claim": made(header, {k: v for k, v in claims.items() if k != "sid"}, ours),
        "time as text": made(header, claims | {"exp": str(claims["exp"])}, ours),
        "truth as number": made(header, claims | {"iat": True}, ours),
        "aud as text": made(header, claims | {"aud": "identity"}, ours),
        "more aud": made(header, claims | {"aud": ["identity", "otp"]}, ours),
        "no signature": f"{head}.{body}.",
        "cut": good[:-2],
        "empty": "",
        "four parts": good + ".x",
        "too long": good + "A" * 3000,
        "not text of a token": "\x00\xff...",
        "shifted signature": f"{head}.{body}.{signature[1:]}A",
    }


def test_S29_no_forgery_is_accepted(keys: Keys, signer: GrantSigner, clock: FakeClock) -> None:
    checking = verifier(keys, "identity", clock)
    accepted = []
    for name, token in forgeries(keys, signer).items():
        try:
            checking.verify(token, CardGrant)
        except GrantRefused:
            continue
        accepted.append(name)

    assert accepted == []


def test_three_keys_of_one_issuer_are_a_mistake(keys: Keys, tmp_path: Path, clock: FakeClock) -> None:
    (public,) = (keys.folder / "grant-verify" / "otp").glob("*.pem")
    (tmp_path / "otp").mkdir()
    for number in range(3):
        (tmp_path / "otp" / f"k{number}.pem").write_bytes(public.read_bytes())

    with pytest.raises(ValueError, match="more than two"):
        GrantVerifier.from_dir(tmp_path, "card_gateway", clock)


def unlock_grant(route: str, actor_kind: str) -> UnlockGrant:
    base = {
        name: getattr(GRANT, name)
        for name in ("session_id", "card_ref", "reason", "agent_key_thumbprint", "jti")
    }
    return UnlockGrant(
        **base,
        route=route,
        issued_at=NOON,
        expires_at=NOON + timedelta(minutes=5),
        purpose="UNLOCK",
        holder_ref="h" * 32,
        actor_kind=actor_kind,
        actor_ref="a" * 32,
    )


@pytest.mark.parametrize("issuer", ["otp", "identity"])
@pytest.mark.parametrize(
    ("route", "actor_kind"),
    [
        ("SELF", "HOLDER"),
        ("SELF", "COLLEAGUES"),
        ("SELF", "RA"),
        ("SELF", "SYSTEM"),
        ("RA_IN_PERSON", "RA"),
        ("RA_IN_PERSON", "COLLEAGUES"),
        ("RA_IN_PERSON", "HOLDER"),
    ],
)
def test_S29_only_otp_lets_a_holder_through_and_only_identity_whom_others_vouch_for(
    keys: Keys, tmp_path: Path, clock: FakeClock, issuer: str, route: str, actor_kind: str
) -> None:
    """Both issuers have a key of the same name, so that only the issuer's own may count."""
    for name in ("otp", "identity"):
        (tmp_path / name).mkdir()
        (public,) = (keys.folder / "grant-verify" / name).glob("*.pem")
        (tmp_path / name / "same.pem").write_bytes(public.read_bytes())
    (path,) = (keys.folder / "grant-signing" / issuer).glob("*.pem")
    key = OKPKey.import_key(path.read_bytes())
    grant = unlock_grant(route, actor_kind)
    good = {
        ("otp", "SELF", "HOLDER"),
        ("identity", "SELF", "COLLEAGUES"),
        ("identity", "RA_IN_PERSON", "RA"),
    }
    checking = GrantVerifier.from_dir(tmp_path, "card_gateway", clock)

    for said in ("otp", "identity"):
        claims = _claims_of(grant) | {"iss": said, "aud": ["card_gateway"]}
        header = {"alg": "Ed25519", "typ": UnlockGrant.typ, "kid": "same"}
        token = jwt.encode(header, claims, key, algorithms=["Ed25519"])
        if said == issuer and (issuer, route, actor_kind) in good:
            assert checking.verify(token, UnlockGrant) == grant
        else:
            with pytest.raises(GrantRefused):
                checking.verify(token, UnlockGrant)
