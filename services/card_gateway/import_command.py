"""`import` of the command line: reads the file, shows how far it is, says what was refused and why."""

import csv
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO, Protocol, TextIO

from services.card_gateway.cards_file import Row, rows
from services.card_gateway.importing import Import, Remark
from services.runtime.progress import Progress

REASONS = {
    "BAD_CARD_REF": "card_ref is not 32 hex digits",
    "BAD_END": "expires_at is no time of ISO 8601 with its zone, such as 2027-03-31T00:00:00Z",
    "BAD_GUID": "guid is not 32 hex digits",
    "BAD_KEY": "key_9e is no public key (SPKI DER in base64)",
    "BAD_KEY_9A": "key_9a is no P-256 or RSA-2048 key (SPKI DER in base64), or this kind of card has none",
    "BAD_PUK": "puk is no PUK of this kind of card",
    "BAD_ADMIN_KEY": "admin_key is not 48 hex digits, or this kind of card has none",
    "DEFAULT_PUK": "taken; the PUK is the one that cards come with, and anybody knows it",
    "DUPLICATE": "the card was named before; its first line counts",
    "GUID_TAKEN": "the identifier is another card's",
    "LINE_TOO_LONG": "the line is longer than 64 KiB",
    "MISSING_FIELD": "a field is missing",
    "NOT_CSV": "the line is no CSV: quotation marks, or a field that goes over its end",
    "NOT_JSON": "the line is no JSON object, or names a field twice",
    "NOT_UTF8": "the line is not UTF-8",
    "NUL_BYTE": "the line has a NUL byte",
    "OTHER_CARD": "the card is there with another identifier or key, and keeps them",
    "SHORT_PUK": "taken; the PUK has fewer than 8 digits: did a spreadsheet cut a leading zero?",
    "UNKNOWN_FIELD": "a field has a name that is none of ours",
    "UNKNOWN_PROFILE": "profile is no kind of card that we know",
    "WEAK_PUK": "taken; the PUK is easily guessed",
    "WRONG_COLUMNS": "the line has more or fewer columns than the header",
}
"""In plain words, by code; never with what the line says."""


class Report(Protocol):
    """Where remarks go."""

    def __call__(self, remark: Remark) -> None:
        """Write one down."""
        ...


async def import_file(run: Import, stream: BinaryIO, report_file: Path | None, *, dry_run: bool) -> int:
    """Import a stream; 1 where rows were refused. Raises Unreadable, OSError."""
    bar = Progress(sys.stderr, _size(stream))
    with _report_to(report_file) if report_file else nullcontext(_Lines(sys.stderr, bar)) as report:
        read = _Counted(stream)
        async for remark in run.run(_watched(rows(read), read, bar)):
            report(remark)
    bar.clear()
    said = ", ".join(f"{name} {count}" for name, count in run.counts.items())
    print(f"{'nothing written, as it would be: ' if dry_run else ''}{said}")
    return 1 if run.counts["refused"] else 0


def _watched(found: Iterator[Row], read: "_Counted", bar: Progress) -> Iterator[Row]:
    for row in found:
        bar.at(read.count, row.number)
        yield row


def reason(remark: Remark) -> str:
    """The remark in plain words."""
    where = f" (line {remark.first})" if remark.first else ""
    return REASONS[remark.code] + where


class _Lines:
    """A line a remark."""

    def __init__(self, stream: TextIO, bar: Progress) -> None:
        self._stream = stream
        self._bar = bar

    def __call__(self, remark: Remark) -> None:
        self._bar.clear()
        print(f"line {remark.number}: {remark.code}: {reason(remark)}", file=self._stream)


@contextmanager
def _report_to(path: Path) -> Iterator[Report]:
    """A CSV file for its owner alone."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", newline="") as file:
        write = csv.writer(file)
        write.writerow(["line", "taken", "code", "reason"])

        def report(remark: Remark) -> None:
            write.writerow([remark.number, "yes" if remark.taken else "no", remark.code, reason(remark)])

        yield report


class _Counted:
    """A stream that knows how much was read of it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.count = 0

    def readline(self, limit: int, /) -> bytes:
        """Read a line, or so much of it."""
        line = self._stream.readline(limit)
        self.count += len(line)
        return line


def _size(stream: BinaryIO) -> int:
    """Bytes to read; 0 where nobody knows."""
    try:
        found = os.fstat(stream.fileno())
    except OSError:
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0
