"""Makes virtual cards: keys, certificates, identifier, PIN and PUK. Only synthetic people.

The PUK goes back to the caller in memory, for the import into a vault, and into the card's own file.
"""

import gzip
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from deploy.local.virtual_card.framing import element
from deploy.local.virtual_card.state import LENGTH, Eeprom, Parameters

KeyType = Literal["P256", "RSA2048"]
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
FASC_N = bytes.fromhex("D4E739DA739CED39CE739D836858210842108421C84210C3EB")
"""The constant that PIV-I style cards carry. It identifies nobody."""
DEFAULT_PUK = "12345678"
_FILLER = x509.ObjectIdentifier("2.25.1")
VALID_FOR = timedelta(days=3 * 365)


@dataclass(frozen=True)
class Facts:
    """What an import needs to know of a new card."""

    guid: bytes
    cert_9a_der: bytes = field(repr=False)
    cert_9e_der: bytes | None = field(repr=False)
    key_9e_der: bytes | None = field(repr=False)
    """SubjectPublicKeyInfo of the 9E key."""
    expires_at: datetime
    """When the 9A certificate ends; UTC."""
    puk: str = field(repr=False)
    """Empty for a minidriver card, which has an admin key."""
    admin_key: bytes = field(default=b"", repr=False)

    @property
    def key_9a_der(self) -> bytes:
        """SubjectPublicKeyInfo of the 9A key; empty for a card without one."""
        return _public_of(x509.load_der_x509_certificate(self.cert_9a_der)) if self.cert_9a_der else b""


def personalise(directory: Path, name: str, **wishes: Any) -> Facts:
    """Write the card file `<directory>/<name>.card`; wishes as of `make_card`."""
    eeprom, facts = make_card(**wishes)
    eeprom.save(directory / f"{name}.card")
    return facts


def personalise_gids(directory: Path, name: str, **wishes: Any) -> Facts:
    """Write the card file `<directory>/<name>.card`; wishes as of `make_gids_card`."""
    eeprom, facts = make_gids_card(**wishes)
    eeprom.save(directory / f"{name}.card")
    return facts


def make_gids_card(
    *,
    pin: str,
    admin_key: bytes | None = None,
    blocked: bool = True,
    guid: bytes | None = None,
    not_after: datetime | None = None,
    **parameters: Any,
) -> tuple[Eeprom, Facts]:
    """A new minidriver card, which has an admin key where a PIV card has a PUK; no certificate is on it."""
    limits = Parameters(**{"pin_tries": 3, **parameters})
    guid, admin_key = guid or secrets.token_bytes(16), admin_key or secrets.token_bytes(24)
    eeprom = Eeprom(
        guid=guid,
        pin=pin.encode("ascii"),
        puk=b"",
        pin_left=0 if blocked else limits.pin_tries,
        puk_left=0,
        parameters=limits,
        kind="GIDS",
        admin_key=admin_key,
        admin_left=limits.admin_tries,
    )
    expires_at = (not_after or datetime.now(UTC) + VALID_FOR).replace(microsecond=0)
    return eeprom, Facts(guid, b"", None, None, expires_at, "", admin_key)


def make_card(
    *,
    pin: str,
    puk: str,
    blocked: bool = True,
    guid: bytes | None = None,
    subject: str = "test-holder-0001",
    not_after: datetime | None = None,
    key_9e: KeyType = "P256",
    key_9a: KeyType = "P256",
    with_9e: bool = True,
    compressed: bool = False,
    certificate_bytes: int = 0,
    pin_policy: str = "4000",
    **parameters: Any,
) -> tuple[Eeprom, Facts]:
    """A new card; `parameters` as of `Parameters`.

    `not_after` is when its 9A certificate ends, `certificate_bytes` how long both are at least, `pin_policy`
    what the discovery object says in hex: 4000 application PIN only, 6010 and 6020 a global PIN too, the last
    one as primary; empty for a card without the object.
    """
    limits = Parameters(**parameters)
    guid = guid or secrets.token_bytes(16)
    expires_at = (not_after or datetime.now(UTC) + VALID_FOR).replace(microsecond=0)
    holders_key, auth_key = _new_key(key_9a), _new_key(key_9e)
    cert_9a = _certificate(holders_key, subject, expires_at, certificate_bytes)
    cert_9e = _certificate(auth_key, f"card-{guid.hex()[-8:]}", expires_at + VALID_FOR, certificate_bytes)
    objects = {"5FC102": _chuid(guid, expires_at), "5FC105": _object(cert_9a, compressed)}
    if pin_policy:
        objects["7E"] = _DISCOVERY + bytes.fromhex(pin_policy)
    keys = {"9A": _private(holders_key)}
    if with_9e:
        objects["5FC101"], keys["9E"] = _object(cert_9e, compressed), _private(auth_key)
    eeprom = Eeprom(
        guid=guid,
        pin=_padded(pin),
        puk=_padded(puk),
        pin_left=0 if blocked else limits.pin_tries,
        puk_left=limits.puk_tries,
        parameters=limits,
        puk_is_default=puk == DEFAULT_PUK,
        objects=objects,
        keys=keys,
    )
    public = _public(auth_key) if with_9e else None
    return eeprom, Facts(guid, cert_9a, cert_9e if with_9e else None, public, expires_at, puk)


_DISCOVERY = bytes.fromhex("7E124F0BA0000003080000100001005F2F02")


def _new_key(kind: KeyType) -> PrivateKey:
    if kind == "P256":
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _certificate(key: PrivateKey, subject: str, not_after: datetime, at_least: int) -> bytes:
    """Signed by a key that is thrown away: nothing in the product trusts an issuer."""
    issuer_key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name("Virtual card issuer"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_after - 2 * VALID_FOR)
        .not_valid_after(not_after)
    )
    if at_least:
        # Random, as keys and signatures of a real chain are: it does not shrink when it is compressed.
        filler = x509.UnrecognizedExtension(_FILLER, secrets.token_bytes(at_least))
        builder = builder.add_extension(filler, critical=False)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


def _object(cert_der: bytes, compressed: bool) -> bytes:
    stored = gzip.compress(cert_der, mtime=0) if compressed else cert_der
    inner = element(0x70, stored) + element(0x71, bytes([int(compressed)])) + element(0xFE, b"")
    return element(0x53, inner)


def _chuid(guid: bytes, expires_at: datetime) -> bytes:
    """Card holder unique identifier. NIST SP 800-73pt1-5, table 9."""
    expiry = expires_at.strftime("%Y%m%d").encode("ascii")
    inner = ((0x30, FASC_N), (0x34, guid), (0x35, expiry), (0x3E, b""), (0xFE, b""))
    return element(0x53, b"".join(element(tag, value) for tag, value in inner))


def _private(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _public(key: PrivateKey) -> bytes:
    return _public_of(key)


def _public_of(owner: PrivateKey | x509.Certificate) -> bytes:
    return owner.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _padded(value: str) -> bytes:
    return value.encode("ascii").ljust(LENGTH, b"\xff")
