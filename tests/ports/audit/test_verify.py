"""The offline verifier: alone in a folder, with a receipt and a public key; every change is found."""

import re
import shutil
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.audit.domain import checkpoint, merkle
from services.audit.domain.leaf import Received, leaf_of
from services.audit.domain.merkle import hash_children, hash_leaf
from services.audit.signing import NoteSigner
from services.audit.verify import audit_verify
from services.runtime.database import Database
from tests.ports.audit.log import KEY, ORIGIN, grow, receipt_of
from tests.unit.audit.outcomes import outcome


def pem(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="module")
def receipt() -> str:
    """Of record 271 among 300."""
    leaves = [_leaf(number) for number in range(300)]
    hashes = [hash_leaf(leaf) for leaf in leaves]
    head = NoteSigner(ORIGIN, KEY).head(300, merkle.root_of(hashes))
    proof = [merkle.root_of(hashes[span.start : span.end]) for span in merkle.inclusion(271, 300)]
    return checkpoint.receipt(leaves[271], 271, proof, head)


def _leaf(number: int) -> bytes:
    kind, body = "smartcard_unlock.common.v1.SessionOutcome", outcome().SerializeToString()
    return leaf_of(Received(f"e-{number}", kind, "card_gateway", f"s-{number}", number, "", body))


async def test_D1_what_the_log_gives_is_verified(records: Database) -> None:
    await grow(records, 0, 300)
    given = (await receipt_of(records, "s-271")).text

    found, head = audit_verify.verify(given, KEY.public_key())
    assert (found.index, head.size, head.origin) == (271, 300, ORIGIN)
    assert "session   " in "\n".join(audit_verify.words_of(found.leaf))


def alone(folder: Path, receipt: str, key: bytes, *heads: str) -> "subprocess.CompletedProcess[str]":
    """Run the copied file in a folder that holds nothing else of ours, isolated from our packages' path."""
    folder.mkdir()
    shutil.copy(audit_verify.__file__, folder / "audit_verify.py")
    (folder / "receipt").write_text(receipt)
    (folder / "key.pem").write_bytes(key)
    names = [f"{number}.head" for number in range(len(heads))]
    for name, head in zip(names, heads, strict=True):
        (folder / name).write_text(head)
    blocked = "import sys; sys.modules.update(services=None, smartcard_unlock=None, deploy=None)"
    run = (
        f"{blocked}; sys.path.insert(0, '.'); import audit_verify; sys.exit(audit_verify.main(sys.argv[1:]))"
    )
    command = [sys.executable, "-I", "-c", run, "receipt", "key.pem", *names]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


def test_D1_a_receipt_is_verified_by_one_file_that_has_nothing_of_ours(receipt: str, tmp_path: Path) -> None:
    done = alone(tmp_path / "there", receipt, pem(KEY))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("VERIFIED: record 272 of 300 in the log test.example.org/audit\n")
    assert "told by   card_gateway" in done.stdout


def test_D1_another_key_has_signed_nothing(receipt: str, tmp_path: Path) -> None:
    done = alone(tmp_path / "there", receipt, pem(Ed25519PrivateKey.generate()))

    assert done.returncode == 1
    assert done.stdout == "NOT VERIFIED: the head of 300 records is not signed with this key\n"


def test_two_heads_of_one_size_are_a_fork(tmp_path: Path) -> None:
    leaves = [hash_leaf(b"a"), hash_leaf(b"b")]
    signer = NoteSigner(ORIGIN, KEY)
    other = signer.head(2, hash_children(*leaves[::-1])).note
    elsewhere = NoteSigner("else.example.org", KEY).head(2, hash_children(*leaves)).note
    text = checkpoint.receipt(b"a", 0, [leaves[1]], signer.head(2, hash_children(*leaves)))

    answers = [
        alone(tmp_path / name, text, pem(KEY), head).stdout for name, head in (("a", other), ("b", elsewhere))
    ]

    assert answers == [
        "NOT VERIFIED: forked: two heads of 2 records with different roots, both signed\n",
        "NOT VERIFIED: the other head is of another log, else.example.org\n",
    ]


def changed_leaf(text: str) -> str:
    """One bit of the record."""
    leaf = bytearray(b64decode(re.search(r"^extra (.+)$", text, re.M)[1]))  # type: ignore[index]
    leaf[-1] ^= 1
    return re.sub(r"^extra .+$", f"extra {b64encode(leaf).decode()}", text, flags=re.M)


CHANGES: dict[str, Callable[[str], str]] = {
    "a bit of the record": changed_leaf,
    "another place": lambda text: text.replace("index 271", "index 270"),
    "a place outside": lambda text: text.replace("index 271", "index 300"),
    "a hash less": lambda text: re.sub(r"(index 271\n)[^\n]+\n", r"\1", text),
    "a hash more": lambda text: re.sub(r"(index 271\n)([^\n]+\n)", r"\1\2\2", text),
    "another size": lambda text: text.replace("\n300\n", "\n301\n"),
    "no signature": lambda text: text[: text.rindex("—")],
    "nothing": lambda text: "",
    "no proof": lambda text: text.partition("\n\n")[2],
    "a bad index": lambda text: text.replace("index 271", "index x"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_D1_every_change_of_a_receipt_is_found(receipt: str, change: Callable[[str], str]) -> None:
    audit_verify.verify(receipt, KEY.public_key())
    assert change(receipt) != receipt

    with pytest.raises(audit_verify.NotVerified):
        audit_verify.verify(change(receipt), KEY.public_key())


def test_D1_no_byte_of_a_receipt_can_be_another(receipt: str) -> None:
    key = KEY.public_key()
    body = receipt.rindex("—")
    for at in range(0, len(receipt), 7):
        other = receipt[:at] + ("A" if receipt[at] != "A" else "B") + receipt[at + 1 :]
        try:
            found, head = audit_verify.verify(other, key)
        except audit_verify.NotVerified:
            continue
        # What may differ is no evidence: unused bits of base64 at the end of a line.
        assert (found.leaf, found.index, head.size) == (audit_verify.receipt_of(receipt).leaf, 271, 300), at
        assert at < body + 200


def test_the_body_is_the_event_that_was_told() -> None:
    leaf = b"smartcard-unlock/audit-record@v1\ne\nt\ns\nn\n1\n\n" + outcome().SerializeToString()

    assert audit_verify.words_of(leaf)[0] == "event     e"
    with pytest.raises(audit_verify.NotVerified):
        audit_verify.words_of(b"another kind of leaf")
