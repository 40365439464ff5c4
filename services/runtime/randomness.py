"""Randomness and identifiers, behind a port, so that a seeded test can replay them."""

import base64
import hashlib
import secrets
from typing import Protocol

import uuid_utils


class Randomness(Protocol):
    """Makes what nobody can guess, and ids."""

    def token(self, size: int = 32) -> bytes:
        """Return `size` random bytes."""
        ...

    def uuid7(self) -> str:
        """Return a UUIDv7 (RFC 9562) as text: random, and in the order of its making."""
        ...

    def digits(self, count: int) -> str:
        """Return `count` decimal digits, each uniform."""
        ...


class SystemRandomness:
    """The operating system's randomness."""

    def token(self, size: int = 32) -> bytes:
        """Return `size` random bytes."""
        return secrets.token_bytes(size)

    def uuid7(self) -> str:
        """Return a UUIDv7 (RFC 9562) as text."""
        return str(uuid_utils.uuid7())

    def digits(self, count: int) -> str:
        """Return `count` decimal digits, each uniform."""
        return "".join(secrets.choice("0123456789") for _ in range(count))


def text_token(raw: bytes) -> str:
    """Return bytes as base64url text without padding (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def digest_of(token: str) -> bytes:
    """Return the SHA-256 of a token's UTF-8 bytes: what is stored in its place."""
    return hashlib.sha256(token.encode("utf-8")).digest()
