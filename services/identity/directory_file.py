"""The directory's file, line by line in bounded memory: JSON lines, or CSV with a header.

A column of CSV is a field of the records, such as `registration_authority.telephone`; an empty cell is a
field that is not there. What a row is says its column `kind`; for a file of one kind, the command.
"""

import csv
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, Protocol

from services.identity.directory import LONGEST_LINE, Record, blank, record_from, record_of

Read = Callable[[str], Record]
"""A line to its record. Raises ValueError with a reason that quotes nothing of it."""

KIND = "kind"
_BOM = b"\xef\xbb\xbf"
_DELIMITERS = ",;\t"


class Bytes(Protocol):
    """A stream that is read line by line."""

    def readline(self, limit: int, /) -> bytes:
        """The next line with its end, or its first `limit` bytes; empty at the end."""
        ...


class Unreadable(Exception):
    """It is no file of ours; the text says why, and quotes nothing of it."""


def lines_of(stream: Bytes) -> Iterator[str]:
    """Yield every line; of one that is too long, so much that this can be seen."""
    first = True
    while line := stream.readline(LONGEST_LINE + 2):
        rest = line
        while len(rest) > LONGEST_LINE and not rest.endswith(b"\n"):
            rest = stream.readline(LONGEST_LINE + 2)
        yield (line.removeprefix(_BOM) if first else line).decode(errors="replace")
        first = False


def form_of(lines: Iterator[str], kind: str = "") -> tuple[Read, Iterator[str]]:
    """Return how to read the lines, and all of them again; CSV's header is an empty line then.

    Raises Unreadable for a header that names no kind, or a column twice.
    """
    before: list[str] = []
    for line in lines:
        if blank(line):
            before.append("")
        elif line.lstrip().startswith("{"):
            return record_of, chain(before, [line], lines)
        else:
            return _Csv(line, kind).record, chain(before, [""], lines)
    return record_of, iter(before)


class _Csv:
    """CSV (RFC 4180) by the columns of its header, in any order; commas, semicolons or tabs.

    One line is one record: a quoted field does not go over a line's end, so that one quotation mark too many
    spoils one line.
    """

    def __init__(self, header: str, kind: str) -> None:
        self._delimiter = max(_DELIMITERS, key=header.count)
        self._kind = kind
        try:
            self._columns = [name.strip().lower() for name in self._split(header)]
        except ValueError as error:
            raise Unreadable(f"where the columns should be named: {error}") from None
        if KIND not in self._columns and not kind:
            raise Unreadable("the header names no column `kind`: give --kind, for a file of one kind")
        outer = {name.partition(".")[0] for name in self._columns if "." in name}
        if len(set(self._columns)) != len(self._columns) or outer & set(self._columns):
            raise Unreadable("the header names a column twice")

    def record(self, line: str) -> Record:
        """Return the record in a line. Raises ValueError."""
        if len(line) > LONGEST_LINE:
            raise ValueError("LINE_TOO_LONG")
        if "\N{REPLACEMENT CHARACTER}" in line:
            raise ValueError("LINE_NOT_UTF8")
        values = self._split(line)
        if len(values) != len(self._columns):
            raise ValueError("WRONG_COLUMNS")
        return record_from(self._fields(values))

    def _fields(self, values: list[str]) -> dict[str, Any]:
        fields: dict[str, Any] = {KIND: self._kind} if self._kind else {}
        for name, value in zip(self._columns, values, strict=True):
            if not value.strip():
                continue
            outer, _, inner = name.partition(".")
            if inner:
                fields.setdefault(outer, {})[inner] = value.strip()
            else:
                fields[name] = value.strip()
        return fields

    def _split(self, line: str) -> list[str]:
        try:
            return next(csv.reader([line.rstrip("\r\n")], delimiter=self._delimiter, strict=True))
        except (csv.Error, StopIteration):
            raise ValueError("LINE_NOT_CSV") from None
