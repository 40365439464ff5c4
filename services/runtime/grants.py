"""Grants: short signed permissions to take the next step (JWT, RFC 7519, by RFC 8725).

No process trusts `web`: each step hands on a grant, which the next service checks against its
own rows. Fixed algorithm (Ed25519, RFC 9864), explicit `typ` and `aud`, keys from files only,
two keys an issuer valid at once. What a grant permits is judged by the services, not here.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from cryptography.hazmat.primitives import serialization
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from services.runtime.clock import Clock
from services.runtime.limits import MAX_GRANT

ALGORITHM = "Ed25519"

SKEW = timedelta(seconds=30)
"""How far two machines' clocks may differ. Source: quality F19."""

MAX_TOKEN_LENGTH = MAX_GRANT

PURPOSE_UNLOCK = "UNLOCK"
PURPOSE_PROFILE = "PROFILE"
"""To act as who one is, as the holder proven on the card: no step of an unlock takes such a grant."""
PURPOSE_RECORDS = "RECORDS"
"""To read what is recorded of one card, and nothing else."""
PURPOSE_REGISTER = "REGISTER"
"""To register with security questions: what it leads to can never unlock a card. R58."""


class GrantRefused(Exception):
    """The grant is not one: wrong form, key, audience, kind, or time. Never says which."""

    code = "GRANT_REFUSED"


@dataclass(frozen=True)
class Grant:
    """What every grant says: one session, one card, one agent, one purpose."""

    typ: ClassVar[str]
    audiences: ClassVar[frozenset[str]]
    issuers: ClassVar[frozenset[str]]

    session_id: str
    card_ref: str
    reason: str
    route: str
    agent_key_thumbprint: str
    jti: str
    issued_at: datetime
    expires_at: datetime
    purpose: str

    def may_come_from(self, issuer: str) -> bool:
        """Tell whether this issuer may say this."""
        return issuer in self.issuers

    def binds_like(self, other: "Grant") -> bool:
        """Tell whether two grants are of one session, card, reason, route, agent and purpose."""
        return self._binding() == other._binding()

    def _binding(self) -> tuple[str, ...]:
        return (
            self.session_id,
            self.card_ref,
            self.reason,
            self.route,
            self.agent_key_thumbprint,
            self.purpose,
        )


@dataclass(frozen=True)
class CardGrant(Grant):
    """card_gateway to identity: this genuine card is in this reader."""

    typ = "card-grant+jwt"
    audiences = frozenset({"identity"})
    issuers = frozenset({"card_gateway"})

    level: str
    """GENUINE (9E signed a fresh challenge), HOLDER_VERIFIED (the PIN was verified too) or CLAIMED (an
    admin-key card, which can prove itself only in its reset)."""
    certificate_expires_at: datetime


@dataclass(frozen=True)
class HolderGrant(Grant):
    """identity to otp and card_gateway: this holder may unlock this card now."""

    typ = "holder-grant+jwt"
    audiences = frozenset({"otp", "card_gateway"})
    issuers = frozenset({"identity"})

    holder_ref: str
    organisation: str
    address_version: int
    address_set_at: datetime
    address_set_by: str


@dataclass(frozen=True)
class UnlockGrant(Grant):
    """otp, or identity where an RA or two colleagues vouched, to card_gateway: one reset, once."""

    typ = "unlock-grant+jwt"
    audiences = frozenset({"card_gateway"})
    issuers = frozenset({"otp", "identity"})

    holder_ref: str
    actor_kind: str
    """HOLDER, RA or COLLEAGUES."""
    actor_ref: str

    def may_come_from(self, issuer: str) -> bool:
        """Only otp lets a holder through alone; only identity lets others vouch for them."""
        return issuer == _ISSUER_OF.get((self.route, self.actor_kind))


@dataclass(frozen=True)
class ProfileGrant(Grant):
    """identity to itself, otp and card_gateway: this person is signed in."""

    typ = "profile-grant+jwt"
    audiences = frozenset({"identity", "otp", "card_gateway"})
    issuers = frozenset({"identity"})

    holder_ref: str
    organisation: str
    roles: str
    """What they may do for others, such as `RA@X26`; parted by spaces, empty for none."""


@dataclass(frozen=True)
class RecordsGrant(Grant):
    """identity to audit_reader: an RA who is signed in may read what is recorded of this card.

    Session and agent are those of the RA's sign-in; card and holder are those of the records.
    """

    typ = "records-grant+jwt"
    audiences = frozenset({"audit_reader"})
    issuers = frozenset({"identity"})

    holder_ref: str
    organisation: str


@dataclass(frozen=True)
class RegistrationGrant(Grant):
    """identity to otp: a code of a registration may be mailed to this holder. R43."""

    typ = "registration-grant+jwt"
    audiences = frozenset({"otp"})
    issuers = frozenset({"identity"})

    holder_ref: str
    organisation: str
    address_version: int


@dataclass(frozen=True)
class MailboxGrant(Grant):
    """otp to identity: whoever registers reads the holder's mail, for the code was typed. R58."""

    typ = "mailbox-grant+jwt"
    audiences = frozenset({"identity"})
    issuers = frozenset({"otp"})

    holder_ref: str
    address_version: int


_ISSUER_OF = {
    ("SELF", "HOLDER"): "otp",
    ("SELF", "COLLEAGUES"): "identity",
    ("RA_IN_PERSON", "RA"): "identity",
}

G = TypeVar("G", bound=Grant)

# Registered claims (RFC 7519, 4.1) and ours; the same word in token and dataclass otherwise.
_CLAIM_OF = {"session_id": "sid", "issued_at": "iat", "expires_at": "exp"}


def thumbprint(agent_public_key: bytes) -> str:
    """Return the base64url SHA-256 of an agent's raw X25519 public key."""
    digest = hashlib.sha256(agent_public_key).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


class GrantSigner:
    """Signs the grants of one issuer."""

    def __init__(self, issuer: str, key: OKPKey, kid: str) -> None:
        self.issuer = issuer
        self._key = key
        self._kid = kid

    @classmethod
    def from_file(cls, issuer: str, path: Path) -> Self:
        """Read an Ed25519 private key (PEM, PKCS #8); its file's stem is the `kid`."""
        return cls(issuer, OKPKey.import_key(path.read_bytes()), path.stem)

    def sign(self, grant: Grant) -> str:
        """Return the grant as a compact JWT."""
        if self.issuer not in grant.issuers:
            raise ValueError(f"{self.issuer} does not issue {grant.typ}")
        header = {"alg": ALGORITHM, "typ": grant.typ, "kid": self._kid}
        claims = _claims_of(grant) | {"iss": self.issuer, "aud": sorted(grant.audiences)}
        return jwt.encode(header, claims, self._key, algorithms=[ALGORITHM])


class GrantVerifier:
    """Checks grants on behalf of one audience."""

    def __init__(self, keys: Mapping[tuple[str, str], OKPKey], audience: str, clock: Clock) -> None:
        self._keys = keys
        self._audience = audience
        self._clock = clock

    @classmethod
    def from_dir(cls, path: Path, audience: str, clock: Clock) -> Self:
        """Read public keys `<issuer>/<kid>.pem`; at most two an issuer are valid at once."""
        keys: dict[tuple[str, str], OKPKey] = {}
        for issuer in sorted(entry for entry in path.iterdir() if entry.is_dir()):
            files = sorted(issuer.glob("*.pem"))
            if len(files) > 2:
                raise ValueError(f"{issuer.name}: more than two grant keys")
            keys |= {(issuer.name, file.stem): _public_key(file) for file in files}
        if not keys:
            raise ValueError("no grant keys to verify with")
        return cls(keys, audience, clock)

    def verify(self, token: str, kind: type[G]) -> G:
        """Return the grant. Raises GrantRefused for anything but a good one of this kind."""
        if not token or len(token) > MAX_TOKEN_LENGTH:
            raise GrantRefused
        try:
            decoded = jwt.decode(token, self._key_for(kind), algorithms=[ALGORITHM])
            return self._judged(decoded.header, decoded.claims, kind)
        except (JoseError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise GrantRefused from error

    def _key_for(self, kind: type[Grant]) -> Any:
        def find(signed: Any) -> OKPKey:
            header = signed.headers()
            if set(header) != {"alg", "typ", "kid"}:
                raise GrantRefused
            # By issuer and kid: two issuers may have keys of the same name.
            issuer = str(json.loads(signed.payload)["iss"])
            if issuer not in kind.issuers:
                raise GrantRefused
            return self._keys[issuer, str(header["kid"])]

        return find

    def _judged(self, header: Mapping[str, Any], claims: dict[str, Any], kind: type[G]) -> G:
        now = self._clock.now()
        grant = _grant_of(claims, kind)
        good = (
            header["typ"] == kind.typ
            and grant.may_come_from(claims["iss"])
            and claims["aud"] == sorted(kind.audiences)
            and self._audience in kind.audiences
            and grant.issued_at - SKEW <= now < grant.expires_at + SKEW
            and grant.issued_at < grant.expires_at <= grant.issued_at + _LONGEST[kind.typ]
        )
        if not good:
            raise GrantRefused
        return grant


_LONGEST = {
    CardGrant.typ: timedelta(minutes=45),
    HolderGrant.typ: timedelta(minutes=5),
    UnlockGrant.typ: timedelta(minutes=5),
    ProfileGrant.typ: timedelta(minutes=10),
    RecordsGrant.typ: timedelta(minutes=5),
    RegistrationGrant.typ: timedelta(minutes=20),
    MailboxGrant.typ: timedelta(minutes=5),
}
"""No grant lives longer, whatever it says itself. Source: architecture, table of grants."""


def _public_key(file: Path) -> OKPKey:
    key = serialization.load_pem_public_key(file.read_bytes())
    return OKPKey.import_key(
        key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def _claims_of(grant: Grant) -> dict[str, Any]:
    claims: dict[str, Any] = {}
    for field in fields(grant):
        value = getattr(grant, field.name)
        claims[_CLAIM_OF.get(field.name, field.name)] = (
            int(value.timestamp()) if isinstance(value, datetime) else value
        )
    return claims


def _grant_of(claims: Mapping[str, Any], kind: type[G]) -> G:
    """Build the grant; a missing, extra or wrongly typed claim raises."""
    values: dict[str, Any] = {}
    for field in fields(kind):
        values[field.name] = _typed(claims[_CLAIM_OF.get(field.name, field.name)], field.type)
    if len(claims) != len(values) + 2:  # iss and aud
        raise ValueError("extra claims")
    return kind(**values)


def _typed(value: Any, kind: Any) -> Any:
    if kind is datetime:
        if type(value) is not int:
            raise TypeError("not a time")
        return datetime.fromtimestamp(value, UTC)
    if type(value) is not kind:
        raise TypeError("wrong type of claim")
    return value
