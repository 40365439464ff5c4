"""What keeps a code secret: the keyed digest it is stored as, and the seal it leaves under."""

import hashlib
import hmac
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from services.otp.domain.code import Bearer, Code
from services.runtime import hpke

CONTEXT = "smartcard-unlock/code/mac/v1"

SHORTEST_KEY = 32
"""Bytes; the output of SHA-256. Source: RFC 2104, section 3."""


class CodeKey:
    """The server key of the digests: HMAC-SHA-256, bound to what the code is for."""

    def __init__(self, key: bytes) -> None:
        if len(key) < SHORTEST_KEY:
            raise ValueError(f"a code key has at least {SHORTEST_KEY} bytes")
        self._key = key

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read the raw key. Raises ValueError where it is too short."""
        return cls(path.read_bytes())

    def digest(self, code_id: str, bearer: Bearer, digits: str) -> bytes:
        """Return the digest of digits as this code of this session, holder, card and purpose."""
        parts = (
            CONTEXT,
            code_id,
            bearer.session_id,
            bearer.holder_ref,
            bearer.card_ref,
            bearer.purpose,
            digits,
        )
        message = b"".join(len(part).to_bytes(2, "big") + part for part in map(str.encode, parts))
        return hmac.new(self._key, message, hashlib.sha256).digest()


class NotifierKey:
    """The public key of the notifier, which alone opens what is sealed here."""

    def __init__(self, public_key: bytes) -> None:
        self._public_key = public_key

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read an X25519 public key (PEM, SubjectPublicKeyInfo). Raises ValueError for any other."""
        key = serialization.load_pem_public_key(path.read_bytes())
        if not isinstance(key, X25519PublicKey):
            raise ValueError("the notifier's key is not X25519")
        return cls(key.public_bytes_raw())

    def seal(self, code: Code, digits: str) -> bytes:
        """Return the digits sealed for this code id, session, expiry and address version."""
        bearer = code.bearer
        context = hpke.code_info(code.code_id, bearer.session_id, code.expires_at, bearer.address_version)
        return hpke.seal(self._public_key, digits.encode("ascii"), context)
