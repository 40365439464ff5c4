"""The log's signing key: Ed25519, out of a file; two lines of C2SP signed-note around it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.audit.domain.checkpoint import Head, key_id, note_text, signed_note


class BadKey(ValueError):
    """The file holds no Ed25519 private key."""


@dataclass(frozen=True)
class NoteSigner:
    """Signs heads of one log."""

    origin: str
    key: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def from_file(cls, origin: str, path: Path) -> Self:
        """Read the key, PEM. Raises BadKey or OSError."""
        try:
            key = load_pem_private_key(path.read_bytes(), None)
        except (ValueError, TypeError):
            raise BadKey(str(path)) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise BadKey(str(path))
        return cls(origin, key)

    def head(self, size: int, root: bytes) -> Head:
        """Return the signed head of a tree."""
        text = note_text(self.origin, size, root)
        named = key_id(self.origin, self.key.public_key().public_bytes_raw())
        return Head(size, root, signed_note(text, self.origin, named, self.key.sign(text.encode())))
