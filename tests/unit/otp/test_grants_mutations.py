"""Some hundreds of single mutations of a HolderGrant, put to otp: none is taken (S29 to S34, RFC 8725)."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

from joserfc import jwt
from joserfc.jwk import OKPKey

from services.runtime.grants import GrantRefused
from tests.ports.otp.world import World

Json = dict[str, Any]

OTHER_VALUES: tuple[Any, ...] = ("", "another", None, 0, -1, True, 1.5, [], {}, ["otp"])

TEN_YEARS = 10 * 365 * 24 * 3600


def encoded(part: bytes | Json) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


class Forge:
    """All keys an attacker may hold, and identity's own for the mutations that need a good signature."""

    def __init__(self, world: World, token: str) -> None:
        self.token = token
        self.head, self.body, self.signature = token.split(".")
        self.header: Json = json.loads(decoded(self.head))
        self.claims: Json = json.loads(decoded(self.body))
        self.identity = self.key(world, "identity")
        self.otp = self.key(world, "otp")
        self.gateway = self.key(world, "card_gateway")
        self.stranger = OKPKey.generate_key("Ed25519")
        self.public = (world.keys.verify_dir / "identity" / "identity-1.pem").read_bytes()

    @staticmethod
    def key(world: World, issuer: str) -> OKPKey:
        return OKPKey.import_key(world.keys.signing(issuer).read_bytes())

    def signed(self, header: Json, claims: Json, key: OKPKey | None = None) -> str:
        return jwt.encode(header, claims, key or self.identity, algorithms=["Ed25519"])

    def by_hmac(self, algorithm: str, hashed: str, header: Json) -> str:
        signing_input = f"{encoded(header | {'alg': algorithm})}.{self.body}"
        mac = hmac.new(self.public, signing_input.encode(), getattr(hashlib, hashed)).digest()
        return f"{signing_input}.{encoded(mac)}"


def changed_claims(forge: Forge) -> Iterator[Json]:
    """Each claim left out, and each with other values."""
    for name, value in forge.claims.items():
        yield {key: each for key, each in forge.claims.items() if key != name}
        yield from (forge.claims | {name: other} for other in OTHER_VALUES if other != value)


def under_the_old_signature(forge: Forge) -> Iterator[str]:
    for claims in changed_claims(forge):
        yield f"{forge.head}.{encoded(claims)}.{forge.signature}"


def by_keys_of_others(forge: Forge) -> Iterator[str]:
    for kid in ("identity-1", "otp-1", "card_gateway-1", "stranger"):
        for key in (forge.otp, forge.gateway, forge.stranger):
            for issuer in ("identity", "otp", "card_gateway"):
                yield forge.signed(forge.header | {"kid": kid}, forge.claims | {"iss": issuer}, key)


def other_headers(forge: Forge) -> Iterator[str]:
    for algorithm in ("none", "None", "", "EdDSA", "ed25519", "Ed448", "RS256", "PS256", "ES256", None):
        for signature in (forge.signature, ""):
            yield f"{encoded(forge.header | {'alg': algorithm})}.{forge.body}.{signature}"
    for algorithm, hashed in (("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")):
        yield forge.by_hmac(algorithm, hashed, forge.header)
    for typ in ("JWT", "card-grant+jwt", "unlock-grant+jwt", "profile-grant+jwt", "", "HOLDER-GRANT+JWT"):
        yield forge.signed(forge.header | {"typ": typ}, forge.claims)
    for kid in ("", "identity-2", "../identity/identity-1", "identity-1.pem", "otp-1", "IDENTITY-1"):
        yield forge.signed(forge.header | {"kid": kid}, forge.claims)
    jwk = forge.stranger.as_dict(private=False)
    for extra in (
        {"jwk": jwk},
        {"jku": "https://example.org/keys"},
        {"x5u": "https://example.org/x"},
        {"cty": "JWT"},
    ):
        yield forge.signed(forge.header | extra, forge.claims, forge.stranger)
        yield forge.signed(forge.header | extra, forge.claims)
    for left_out in ("typ", "kid"):
        yield forge.signed({key: each for key, each in forge.header.items() if key != left_out}, forge.claims)


def signed_but_wrong(forge: Forge) -> Iterator[str]:
    """What identity would never sign: otp does not take its word for form, audience, kind or time."""
    issued = forge.claims["iat"]
    wrong_types: tuple[Any, ...] = ([], {}, None, 1.5)
    for name in forge.claims:
        yield forge.signed(forge.header, {key: each for key, each in forge.claims.items() if key != name})
        for value in wrong_types:
            yield forge.signed(forge.header, forge.claims | {name: value})
    wrong: tuple[Json, ...] = (
        {"aud": "otp"}, {"aud": ["otp"]}, {"aud": ["card_gateway"]}, {"aud": ["identity"]}, {"aud": []},
        {"aud": ["otp", "card_gateway"]}, {"aud": ["card_gateway", "otp", "web"]},
        {"iss": "otp"}, {"iss": "card_gateway"}, {"iss": "Identity"},
        {"exp": issued + TEN_YEARS}, {"exp": issued + 301}, {"exp": issued}, {"exp": issued - 1},
        {"iat": issued + 31, "exp": issued + 300}, {"iat": issued - 3600}, {"exp": 2**63}, {"exp": -1},
        {"iat": issued - 600, "exp": issued - 301}, {"iat": str(issued)}, {"exp": True},
        {"purpose": "REGISTER"}, {"purpose": "unlock"}, {"purpose": ""},
        {"address_version": "1"}, {"address_version": True}, {"roles": ["RA@X26"]}, {"nbf": issued + 3600},
    )  # fmt: skip
    for changes in wrong:
        yield forge.signed(forge.header, forge.claims | changes)


def broken_tokens(forge: Forge) -> Iterator[str]:
    token = forge.token
    for at in range(0, len(token), 23):
        yield token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        yield token[:at]
    yield from (
        f"{forge.head}.{forge.body}",
        f"{forge.head}.{forge.body}.",
        f".{forge.body}.{forge.signature}",
    )
    yield from (f"{token}.{forge.signature}", token + "=", token * 2, "A" * 5000, "..", "\x00", "🙂.🙂.🙂")
    yield f"{forge.head}.{encoded(encoded(forge.claims).encode())}.{forge.signature}"
    yield json.dumps({"protected": forge.head, "payload": forge.body, "signature": forge.signature})


async def test_S29_S34_no_single_mutation_of_a_grant_is_taken(world: World) -> None:
    await world.issue()
    good = world.grant()
    forge = Forge(world, good)
    makers = (under_the_old_signature, by_keys_of_others, other_headers, signed_but_wrong, broken_tokens)
    tokens = {token for maker in makers for token in maker(forge)} - {good}

    accepted = [token for token in sorted(tokens) if await taken(world, token)]

    assert accepted == []
    assert len(tokens) >= 200
    assert await taken(world, good)


async def taken(world: World, token: str) -> bool:
    try:
        await world.codes.status(token)
    except GrantRefused:
        return False
    return True
