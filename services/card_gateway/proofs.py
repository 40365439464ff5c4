"""Checks what a card signed against a public key, and reads that key out of a certificate.

What is signed is in `card.proof`. Dates of a card authentication certificate are not judged here: the
key is pinned, so that an expired 9E certificate takes nobody's card away.
"""

from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from services.card_gateway.card.proof import Algorithm

_SHA256 = Prehashed(hashes.SHA256())


def verify(public_key_der: bytes, algorithm: Algorithm, digest: bytes, signature: bytes) -> bool:
    """True if the key signed this 32-byte digest; False for anything else, also for a key of another type."""
    try:
        key = serialization.load_der_public_key(public_key_der)
        if algorithm is Algorithm.P256 and isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, digest, ec.ECDSA(_SHA256))
            return isinstance(key.curve, ec.SECP256R1)
        if algorithm is Algorithm.RSA2048 and isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, digest, padding.PKCS1v15(), _SHA256)
            return key.key_size == 2048
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return False


def algorithm_of(public_key_der: bytes) -> Algorithm | None:
    """How a key signs; None for a key of a type that we cannot check."""
    try:
        key = serialization.load_der_public_key(public_key_der)
    except (UnsupportedAlgorithm, ValueError, TypeError):
        return None
    if isinstance(key, ec.EllipticCurvePublicKey):
        return Algorithm.P256 if isinstance(key.curve, ec.SECP256R1) else None
    return Algorithm.RSA2048 if isinstance(key, rsa.RSAPublicKey) and key.key_size == 2048 else None


def public_key_of(cert_der: bytes) -> bytes:
    """The certificate's SubjectPublicKeyInfo, DER. Raises ValueError if there is none to read."""
    try:
        key = x509.load_der_x509_certificate(cert_der).public_key()
    except UnsupportedAlgorithm as unsupported:
        raise ValueError("a key of a type we do not know") from unsupported
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def expires_at(cert_der: bytes) -> datetime:
    """The certificate's last instant, UTC. Raises ValueError if it cannot be read."""
    return x509.load_der_x509_certificate(cert_der).not_valid_after_utc
