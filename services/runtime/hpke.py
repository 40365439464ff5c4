"""Hybrid public key encryption (RFC 9180): one suite for PINs and codes alike.

DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM, base mode; a sealed message is
`enc || ciphertext`. `info` binds the context, so that nothing opens anywhere else.
"""

from datetime import datetime

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class NotSealedForUs(Exception):
    """The message was sealed to another key, in another context, or was changed."""


def seal(public_key: bytes, plaintext: bytes, info: bytes) -> bytes:
    """Seal to a raw 32-byte X25519 public key."""
    return _SUITE.encrypt(plaintext, X25519PublicKey.from_public_bytes(public_key), info)


def open_sealed(private_key: X25519PrivateKey, sealed: bytes, info: bytes) -> bytes:
    """Open a sealed message. Raises NotSealedForUs."""
    try:
        return _SUITE.decrypt(sealed, private_key, info)
    except (InvalidTag, ValueError) as error:
        raise NotSealedForUs from error


def code_info(code_id: str, session_id: str, expires_at: datetime, address_version: int) -> bytes:
    """Return the context of a one-time code on its way from otp to notifier."""
    expiry = int(expires_at.timestamp())
    return f"smartcard-unlock/code/v1|{code_id}|{session_id}|{expiry}|{address_version}".encode("ascii")


def particulars_info(code_id: str, session_id: str, expires_at: datetime, address_version: int) -> bytes:
    """Return the context of what travels beside that code: it opens as no code, and no code as it."""
    expiry = int(expires_at.timestamp())
    return f"smartcard-unlock/particulars/v1|{code_id}|{session_id}|{expiry}|{address_version}".encode(
        "ascii"
    )


def current_pin_info(session_id: str, attempt_id: str) -> bytes:
    """Return the context of the current PIN on that way: it opens as no new PIN, and no new one as it."""
    return f"smartcard-unlock/current-pin/v1|{session_id}|{attempt_id}".encode("ascii")


def sign_in_pin_info(session_id: str, attempt_id: str) -> bytes:
    """Return the context of the PIN that somebody signs in with: it opens for no change of a PIN."""
    return f"smartcard-unlock/sign-in-pin/v1|{session_id}|{attempt_id}".encode("ascii")


def pin_info(session_id: str, attempt_id: str) -> bytes:
    """Return the context of a new PIN on its way from the page to the agent."""
    return f"smartcard-unlock/pin/v1|{session_id}|{attempt_id}".encode("ascii")
