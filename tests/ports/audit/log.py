"""The log of one database, ready to be appended to and signed."""

from base64 import b64decode
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.audit.consumer import read
from services.audit.domain.log import NotReady, Receipt
from services.audit.domain.record import Message
from services.audit.events import SOURCE, event_of
from services.audit.log_storage import SqlLog
from services.audit.receipts import SqlReceipts
from services.audit.sequencing import SequenceRecords
from services.audit.signing import NoteSigner
from services.audit.storage import SqlStore
from services.audit.use_cases import KeepRecords
from services.runtime.database import Database
from services.runtime.randomness import SystemRandomness
from tests.fakes.clock import FakeClock
from tests.unit.audit.outcomes import NOON, message, outcome

KEY = Ed25519PrivateKey.generate()
ORIGIN = "test.example.org/audit"


def log_of(records: Database) -> SqlLog:
    return SqlLog(records, SOURCE, FakeClock(NOON), SystemRandomness(), event_of)


def sequencer_of(records: Database) -> SequenceRecords:
    return SequenceRecords(log_of(records), NoteSigner(ORIGIN, KEY))


def messages(first: int, count: int) -> list[Message]:
    """SUCCESSes of sessions `s-<n>`, in the order of their event ids."""
    return [
        message(outcome(session_id=f"s-{n}"), ce_id=f"e-{n:08}", offset=n, relayseq=n + 1)
        for n in range(first, first + count)
    ]


async def keep(records: Database, sent: Sequence[Message]) -> None:
    await KeepRecords(SqlStore(records, FakeClock(NOON)), read, FakeClock(NOON)).keep(sent)


async def append_all(sequence: SequenceRecords) -> int:
    """Number all that waits; how many."""
    total = 0
    while count := await sequence.append():
        total += count
    return total


async def grow(records: Database, first: int, count: int) -> None:
    """Store, number and sign that many."""
    sequence = sequencer_of(records)
    await keep(records, messages(first, count))
    await append_all(sequence)
    await sequence.sign()


async def receipt_of(records: Database, session_id: str) -> Receipt:
    found = await SqlReceipts(records).receipt(session_id)
    assert not isinstance(found, NotReady), found
    return found


def parts_of(text: str) -> tuple[bytes, int, list[bytes], int, bytes]:
    """Leaf, index, proof, size and root of a receipt."""
    proof_lines, note = text.split("\n\n", 1)
    _, extra, index, *proof = proof_lines.split("\n")
    _, size, root, *_ = note.split("\n")
    leaf = b64decode(extra.removeprefix("extra "))
    return (
        leaf,
        int(index.removeprefix("index ")),
        [b64decode(each) for each in proof],
        int(size),
        b64decode(root),
    )
