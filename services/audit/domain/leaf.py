"""What a leaf of the log is made of: one record, all of it that was received and says something.

Pure. Seven lines, each ended by a line feed, then the event's body exactly as it came. No attribute holds a
line feed (`consumer.py` refuses what no service of ours would write), so that no two records share a leaf.
"""

from dataclasses import dataclass

FORMAT = "smartcard-unlock/audit-record@v1"
"""The first line."""


@dataclass(frozen=True)
class Received:
    """One record as it goes into the log."""

    ce_id: str
    ce_type: str
    source: str
    subject: str
    relayseq: int
    traceparent: str
    body: bytes


def leaf_of(record: Received) -> bytes:
    """Return the bytes that the log hashes."""
    lines = (
        FORMAT,
        record.ce_id,
        record.ce_type,
        record.source,
        record.subject,
        str(record.relayseq),
        record.traceparent,
    )
    return "".join(f"{line}\n" for line in lines).encode("ascii") + record.body
