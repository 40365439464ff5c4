"""`import` of the command line: reads the file, shows how far it is, says what was refused and why."""

import json
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

from services.identity.directory import Import, Registry, Remark, report_line
from services.identity.directory_file import Unreadable, form_of, lines_of
from services.identity.feeds import Feeds, Turn
from services.runtime.progress import Progress

REASONS = {
    "CARD_OF_ANOTHER_HOLDER": "the card is there and is another holder's: issue it under a new card_ref",
    "CARD_STAYS_FROZEN": "taken; somebody froze the card, and no import thaws it",
    "DOMAIN_MALFORMED": "domain is no mail domain, such as example.org",
    "EMAIL_DOMAIN_NOT_ALLOWED": "taken; the address is not of an approved domain, so no code goes there",
    "EMAIL_MALFORMED": "taken without an address: email is none",
    "EMAIL_SET_HERE": "taken; the address was set here by the holder or their RA, and stays",
    "FIELD_UNKNOWN": "a field has a name that is none of ours",
    "FIELD_WRONG": "the field has no value of its kind, more than one, or is missing",
    "HOLDER_UNKNOWN": "no holder has this id: holders come before their cards and roles",
    "KIND_UNKNOWN": "kind is none of ours",
    "LINE_NOT_CSV": "the line is no CSV: quotation marks, or a field that goes over its end",
    "LINE_NOT_JSON": "the line is no JSON object",
    "LINE_NOT_UTF8": "the line is not UTF-8",
    "LINE_TOO_LONG": "the line is longer than 16 KiB",
    "ORGANISATION_UNKNOWN": "no organisation has this code: organisations come before their holders",
    "WRONG_COLUMNS": "the line has more or fewer columns than the header",
}
"""In plain words, by code; never with what the line says."""

Report = Callable[[Remark], None]


@dataclass(frozen=True)
class Delta:
    """Which of a feed's deltas a file is."""

    feed: str
    number: int
    """From 1."""
    accept_refused: bool = False
    """It counts as taken even where rows of it were refused."""


@dataclass(frozen=True)
class Asked:
    """What the command was asked for."""

    file: Path
    """`-`: standard input."""
    kind: str = ""
    dry_run: bool = False
    report: Path | None = None
    delta: Delta | None = None


async def import_directory(
    asked: Asked, registry: AbstractAsyncContextManager[Registry], feeds: Feeds
) -> int:
    """Import a file; 1 where rows were refused or a delta is missing, 2 for a file that cannot be read.

    A delta with refused rows does not count as taken, unless that was asked for: its good rows are
    stored, and it may be run again, mended.
    """
    if asked.delta:
        turn = await feeds.turn(asked.delta.feed, asked.delta.number)
        if turn is not Turn.NEXT:
            print(_not_its_turn(turn, await feeds.position(asked.delta.feed)))
            return 0 if turn is Turn.TAKEN else 1
    try:
        with _opened(asked.file) as stream:
            async with registry as into:
                counts = await _run(asked, stream, into)
    except (OSError, Unreadable) as error:
        print(f"UNREADABLE: {error}", file=sys.stderr)
        return 2
    if asked.delta and not asked.dry_run:
        await _move(feeds, asked.delta, counts["refused"])
    print(("nothing written, as it would be: " if asked.dry_run else "") + json.dumps(counts))
    return 1 if counts["refused"] else 0


async def _move(feeds: Feeds, delta: Delta, refused: int) -> None:
    if refused and not delta.accept_refused:
        print(_not_moved(refused, await feeds.position(delta.feed)))
    else:
        await feeds.moved(delta.feed, delta.number)


async def _run(asked: Asked, stream: BinaryIO, into: Registry) -> dict[str, int]:
    bar = Progress(sys.stderr, _size(stream))
    counted = _Counted(stream)
    read, lines = form_of(lines_of(counted), asked.kind)
    run = Import(into, read)
    with written_to(asked.report) if asked.report else nullcontext(sys.stdout) as out:
        async for remark in run.run(_watched(lines, counted, bar)):
            bar.clear()
            print(report_line(remark, meaning(remark)), file=out)
    bar.clear()
    return run.counts


def meaning(remark: Remark) -> str:
    """The remark in plain words."""
    return REASONS[remark.reason.partition(" ")[0]]


def _not_its_turn(turn: Turn, position: int) -> str:
    if turn is Turn.TAKEN:
        return f"FEED_ALREADY_TAKEN: the feed stands at {position}; nothing was done"
    return f"FEED_GAP: the feed stands at {position}, so {position + 1} comes next; nothing was done"


def _not_moved(refused: int, position: int) -> str:
    return (
        f"FEED_NOT_MOVED: refused rows: {refused}; the others are stored. The feed stands at {position}:"
        " run this delta again once it is mended, or as it is with --accept-refused"
    )


def _watched(lines: Iterator[str], read: "_Counted", bar: Progress) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        bar.at(read.count, number)
        yield line


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


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if str(path) == "-":
        yield sys.stdin.buffer
    else:
        with path.open("rb") as stream:
            yield stream


@contextmanager
def written_to(path: Path) -> Iterator[TextIO]:
    """A file for its owner alone."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        yield file


def _size(stream: BinaryIO) -> int:
    """Bytes to read; 0 where nobody knows."""
    try:
        found = os.fstat(stream.fileno())
    except OSError:
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0
