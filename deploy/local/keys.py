"""Every key and certificate that one machine needs, made once, readable by its owner alone.

Nothing here is for production: there cert-manager and the HSM do this. The files never enter git.
"""

import fcntl
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

PROCESSES = (
    "web", "identity", "otp", "card_gateway", "notifier", "audit_store", "audit_sequencer", "audit_reader",
    "agent",
)  # fmt: skip
THIS_DESK = "agent/this-desk"
"""What the agent's certificate says, for a gateway that takes enrolled workstations only."""
ISSUERS = ("card_gateway", "identity", "otp")
"""Who signs grants."""
LIFE = timedelta(days=365)

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | x25519.X25519PrivateKey


@dataclass(frozen=True)
class Keys:
    """Where each key of one folder lies."""

    folder: Path

    @property
    def ca(self) -> Path:
        """The authority that all processes trust."""
        return self.folder / "ca.pem"

    def tls(self, process: str) -> dict[str, str]:
        """The environment that gives a process its certificate."""
        stem = self.folder / "tls" / process
        return {
            "TLS_CA_FILE": str(self.ca),
            "TLS_CERT_FILE": f"{stem}.pem",
            "TLS_KEY_FILE": f"{stem}.key",
        }

    def signing(self, issuer: str) -> Path:
        """The Ed25519 key that signs an issuer's grants; its stem is the `kid`."""
        return self.folder / "grant-signing" / issuer / f"{issuer}-1.pem"

    @property
    def verify_dir(self) -> Path:
        """`<issuer>/<kid>.pem`: public halves."""
        return self.folder / "grant-verify"

    @property
    def card_master_dir(self) -> Path:
        """`<kid>.key`, 32 raw bytes each."""
        return self.folder / "card-master"

    @property
    def card_master_newest(self) -> Path:
        """Names the newest of them."""
        return self.card_master_dir / "newest"

    @property
    def otp_code(self) -> Path:
        """32 raw bytes: the digests of codes are keyed with them."""
        return self.folder / "otp-code.key"

    @property
    def web_cookie(self) -> Path:
        """32 raw bytes: seal the session cookie."""
        return self.folder / "web-cookie.key"

    @property
    def notifier_private(self) -> Path:
        """X25519: opens sealed codes."""
        return self.folder / "notifier.pem"

    @property
    def notifier_public(self) -> Path:
        """X25519: seals codes to the notifier."""
        return self.folder / "notifier-public.pem"

    @property
    def audit_log(self) -> Path:
        """Ed25519: signs the heads of the audit log."""
        return self.folder / "audit-log.pem"

    @property
    def audit_log_public(self) -> Path:
        """Ed25519: anybody verifies receipts with it."""
        return self.folder / "audit-log-public.pem"


def make_keys(folder: Path) -> Keys:
    """Make what is missing in `folder`; keep what is there."""
    keys = Keys(folder)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two stacks may start at once
        _make_all(keys)
    return keys


def _make_all(keys: Keys) -> None:
    _make_certificates(keys)
    for issuer in ISSUERS:
        public = keys.verify_dir / issuer / f"{issuer}-1.pem"
        _make_pair(keys.signing(issuer), public, ed25519.Ed25519PrivateKey.generate())
    _make_pair(keys.notifier_private, keys.notifier_public, x25519.X25519PrivateKey.generate())
    _make_pair(keys.audit_log, keys.audit_log_public, ed25519.Ed25519PrivateKey.generate())
    for raw in (keys.card_master_dir / "k1.key", keys.otp_code, keys.web_cookie):
        if not raw.exists():
            _write(raw, secrets.token_bytes(32))
    if not keys.card_master_newest.exists():
        _write(keys.card_master_newest, b"k1\n")


def issue(
    keys: Keys,
    process: str,
    *,
    name: str | None = None,
    now: datetime | None = None,
    addresses: Sequence[str] = (),
) -> tuple[bytes, bytes]:
    """A certificate and its key, PEM, from our authority for `process`.

    `name`: another SPIFFE path. `now`: another day of issue. `addresses`: IP addresses it is good for.
    """
    authority = x509.load_pem_x509_certificate(keys.ca.read_bytes())
    authority_key = load_pem_private_key((keys.folder / "ca.key").read_bytes(), None)
    if not isinstance(authority_key, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is not ours")
    key = ec.generate_private_key(ec.SECP256R1())
    names = [
        x509.UniformResourceIdentifier(f"spiffe://smartcard-unlock/{name or process}"),
        x509.DNSName((name or process).replace("_", "-").replace("/", ".")),
        *(x509.IPAddress(ip_address(each)) for each in addresses),
    ]
    certificate = (
        _builder(_named(process), authority.subject, key.public_key(), now)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
            critical=False,
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
        )
        .sign(authority_key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM), _private_pem(key)


def _make_certificates(keys: Keys) -> None:
    if not keys.ca.exists():
        _make_authority(keys)
    for process in PROCESSES:
        paths = keys.tls(process)
        if not Path(paths["TLS_KEY_FILE"]).exists():
            certificate, key = issue(keys, process, name=THIS_DESK if process == "agent" else None)
            _write(Path(paths["TLS_CERT_FILE"]), certificate)
            _write(Path(paths["TLS_KEY_FILE"]), key)


def _make_authority(keys: Keys) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _named("smartcard-unlock, this machine only")
    certificate = (
        _builder(subject, subject, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_authority_usage(), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(keys.folder / "ca.key", _private_pem(key))
    _write(keys.ca, certificate.public_bytes(Encoding.PEM))


def _authority_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        key_cert_sign=True, crl_sign=True, digital_signature=False, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, now: datetime | None = None
) -> x509.CertificateBuilder:
    now = now or datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + LIFE)
    )


def _make_pair(private: Path, public: Path, key: ed25519.Ed25519PrivateKey | x25519.X25519PrivateKey) -> None:
    if private.exists():
        return
    _write(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    _write(private, _private_pem(key))


def _private_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes) -> None:
    """Write whole or not at all: a key that is there is a good one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    fresh.replace(path)
