"""Verify a receipt of the audit log, offline: `python audit_verify.py RECEIPT PUBLIC_KEY [HEAD …]`.

Needs Python and the package `cryptography`, and nothing else: copy this one file anywhere. What it proves
and what it does not is in the README beside it. Standards: RFC 9162, C2SP signed-note, tlog-checkpoint and
tlog-proof.
"""

import argparse
import binascii
import hashlib
import sys
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

PROOF_FORMAT = "c2sp.org/tlog-proof@v1"
LEAF_FORMAT = "smartcard-unlock/audit-record@v1"
NAMES = ("event", "type", "told by", "session", "number", "trace")
ED25519 = b"\x01"
MOST_BYTES = 1 << 20


class NotVerified(Exception):
    """Why the answer is no, in words."""


@dataclass(frozen=True)
class Head:
    """A signed head, verified."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True)
class Receipt:
    """A receipt, taken apart and not verified."""

    leaf: bytes
    index: int
    proof: list[bytes]
    note: str


def head_of(note: str, key: Ed25519PublicKey) -> Head:
    """Return what a signed note says. Raises NotVerified where our key has not signed it."""
    text, gap, signatures = note.partition("\n\n")
    try:
        origin, size, root = text.split("\n")[:3]
        head = Head(origin, int(size), b64decode(root, validate=True))
    except ValueError:
        raise NotVerified("the head is not a checkpoint") from None
    named = hashlib.sha256(origin.encode() + b"\n" + ED25519 + key.public_bytes_raw()).digest()[:4]
    for line in signatures.split("\n") if gap else []:
        mark, _, rest = line.partition(" ")
        name, _, encoded = rest.partition(" ")
        if mark == "—" and name == origin and _signed(encoded, named, key, f"{text}\n".encode()):
            return head
    raise NotVerified(f"the head of {head.size} records is not signed with this key")


def _signed(encoded: str, named: bytes, key: Ed25519PublicKey, text: bytes) -> bool:
    try:
        raw = b64decode(encoded, validate=True)
        key.verify(raw[4:], text)
    except (binascii.Error, InvalidSignature):
        return False
    return raw[:4] == named


def receipt_of(text: str) -> Receipt:
    """Take a receipt apart. Raises NotVerified where it is none."""
    proof, gap, note = text.partition("\n\n")
    try:
        first, extra, index, *hashes = proof.split("\n")
        if (
            not gap
            or first != PROOF_FORMAT
            or not extra.startswith("extra ")
            or not index.startswith("index ")
        ):
            raise ValueError
        leaf = b64decode(extra.removeprefix("extra "), validate=True)
        return Receipt(leaf, int(index[6:]), [b64decode(each, validate=True) for each in hashes], note)
    except ValueError:
        raise NotVerified("this is not a receipt") from None


def root_from(receipt: Receipt, size: int) -> bytes:
    """Return the root that leaf and proof lead to. Raises NotVerified. Source: RFC 9162, 2.1.3.2."""
    if not 0 <= receipt.index < size:
        raise NotVerified("the record's place is outside the log that the head covers")
    found = hashlib.sha256(b"\x00" + receipt.leaf).digest()
    first, last = receipt.index, size - 1
    for sibling in receipt.proof:
        if last == 0:
            raise NotVerified("the proof is longer than the log is high")
        if first & 1 or first == last:
            found = hashlib.sha256(b"\x01" + sibling + found).digest()
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\x01" + found + sibling).digest()
        first, last = first >> 1, last >> 1
    if last:
        raise NotVerified("the proof is shorter than the log is high")
    return found


def verify(text: str, key: Ed25519PublicKey) -> tuple[Receipt, Head]:
    """Return the receipt and the head that it leads to. Raises NotVerified."""
    receipt = receipt_of(text)
    head = head_of(receipt.note, key)
    if root_from(receipt, head.size) != head.root:
        raise NotVerified(
            "the record is not the one that the log holds at this place, or the proof was changed"
        )
    return receipt, head


def compare(head: Head, other: Head) -> None:
    """Raise NotVerified where one log cannot have signed both heads."""
    if head.origin != other.origin:
        raise NotVerified(f"the other head is of another log, {other.origin}")
    if head.size == other.size and head.root != other.root:
        raise NotVerified(f"forked: two heads of {head.size} records with different roots, both signed")


def words_of(leaf: bytes) -> list[str]:
    """Return what the record says of itself, line by line. Raises NotVerified for another kind of leaf."""
    *lines, body = leaf.split(b"\n", len(NAMES) + 1)
    if len(lines) != len(NAMES) + 1 or lines[0].decode("ascii", "replace") != LEAF_FORMAT:
        raise NotVerified("the record is of a kind that this program does not know")
    said = [line.decode("ascii", "replace") for line in lines[1:]]
    return [f"{name:<9} {value}" for name, value in zip(NAMES, said, strict=True)] + [
        f"{'body':<9} {len(body)} bytes, SHA-256 {hashlib.sha256(body).hexdigest()}"
    ]


def read_key(path: Path) -> Ed25519PublicKey:
    """Read a public key, PEM. Raises NotVerified."""
    try:
        key = load_pem_public_key(read(path).encode())
    except ValueError:
        raise NotVerified(f"{path.name} is no public key") from None
    if not isinstance(key, Ed25519PublicKey):
        raise NotVerified(f"{path.name} is no Ed25519 key")
    return key


def read(path: Path) -> str:
    """Read a text file of a sensible size. Raises NotVerified."""
    try:
        raw = path.read_bytes()[: MOST_BYTES + 1]
        if len(raw) > MOST_BYTES:
            raise NotVerified(f"{path.name} is too long")
        return raw.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise NotVerified(f"{path.name} cannot be read: {type(error).__name__}") from None


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; 0 where the receipt is verified, 1 where it is not."""
    parser = argparse.ArgumentParser(prog="audit_verify.py", description="Verify a receipt of the audit log.")
    parser.add_argument("receipt", type=Path, help="the file that was downloaded")
    parser.add_argument("public_key", type=Path, help="the log's public key, PEM")
    parser.add_argument("heads", type=Path, nargs="*", help="heads that you kept or were given")
    chosen = parser.parse_args(arguments)
    try:
        key = read_key(chosen.public_key)
        receipt, head = verify(read(chosen.receipt), key)
        for path in chosen.heads:
            compare(head, head_of(read(path), key))
        lines = words_of(receipt.leaf)
    except NotVerified as no:
        print(f"NOT VERIFIED: {no}")
        return 1
    print(f"VERIFIED: record {receipt.index + 1} of {head.size} in the log {head.origin}")
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
