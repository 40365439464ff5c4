"""The codes that holders read out to colleagues: made of a key, so that the database alone reveals none."""

import hmac
from datetime import datetime
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.runtime import spoken_codes

PURPOSE = b"smartcard-unlock/colleague-codes/v1"
"""Keeps this use of the key apart from its signatures (RFC 5869, 3.2)."""
KEY_SIZE = 32
"""Bytes."""


class ColleagueCodes:
    """Codes and their digests, by HMAC-SHA-256 with a key that nothing else uses."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Derive the key from the grant signing key (PEM, PKCS #8). Raises ValueError or OSError."""
        signing = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(signing, Ed25519PrivateKey):
            raise ValueError("the grant signing key is no Ed25519 key")
        derived = HKDF(algorithm=hashes.SHA256(), length=KEY_SIZE, salt=None, info=PURPOSE)
        return cls(derived.derive(signing.private_bytes_raw()))

    def code_of(self, session_id: str, expires_at: datetime) -> str:
        """Return the code of a session that ends then: always the same, until the key is another."""
        return spoken_codes.code_of(self._mac("code", f"{session_id}|{int(expires_at.timestamp())}"))

    def digest_of(self, code: str) -> bytes:
        """Return what is kept in the place of a code."""
        return self._mac("digest", code)

    def _mac(self, use: str, text: str) -> bytes:
        return hmac.digest(self._key, f"{use}|{text}".encode(), "sha256")
