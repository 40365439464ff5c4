"""Signed heads and receipts as text: C2SP signed-note, tlog-checkpoint and tlog-proof.

Pure: who signs is not here. A head says the size of the tree and its root; it says no time, since no
one could hold the log to it.
"""

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

ED25519 = b"\x01"
"""Algorithm of a signature. Source: C2SP signed-note."""

PROOF_FORMAT = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True)
class Head:
    """The log at one size, signed."""

    size: int
    root: bytes
    note: str
    """The signed note: what is published."""


def note_text(origin: str, size: int, root: bytes) -> str:
    """Return what is signed. Source: C2SP tlog-checkpoint."""
    return f"{origin}\n{size}\n{_base64(root)}\n"


def key_id(name: str, public_key: bytes) -> bytes:
    """Return the four bytes by which a signature names an Ed25519 key. Source: C2SP signed-note."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public_key).digest()[:4]


def signed_note(text: str, name: str, key: bytes, signature: bytes) -> str:
    """Return the note: its text, an empty line, and the signature line."""
    return f"{text}\n— {name} {_base64(key + signature)}\n"


def receipt(leaf: bytes, index: int, proof: Sequence[bytes], head: Head) -> str:
    """Return a receipt: the leaf itself, its place, the proof, and the head that it leads to.

    Source: C2SP tlog-proof; the leaf is its "extra data", of which the record's hash is made.
    """
    lines = [PROOF_FORMAT, f"extra {_base64(leaf)}", f"index {index}", *map(_base64, proof)]
    return "\n".join(lines) + f"\n\n{head.note}"


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode()
