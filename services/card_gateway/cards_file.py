"""The file that cards are imported from, line by line: JSON lines, or CSV with a header.

Pure reading: which columns there are, and what is no row. Nothing here ever quotes what it read, since any
of it may be a PUK in the wrong column.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

REQUIRED = ("card_ref", "profile", "guid", "key_9e", "expires_at")
OPTIONAL = ("puk", "admin_key", "key_9a")

LONGEST_LINE = 64 * 1024
"""Bytes; a card takes less than one KiB."""

_BOM = b"\xef\xbb\xbf"
_DELIMITERS = ",;\t"


class Lines(Protocol):
    """A stream of bytes that is read line by line."""

    def readline(self, limit: int, /) -> bytes:
        """The next line with its end, or its first `limit` bytes; empty at the end."""
        ...


class Unreadable(Exception):
    """It is no file of cards; the text is one line and quotes nothing of it."""


class Refused(Exception):
    """A line that is no card; `code` says why, without its content."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Row:
    """One line: its fields by name, or why it is no row."""

    number: int
    fields: dict[str, Any] = field(repr=False)
    refused: str = ""


def rows(stream: Lines) -> Iterator[Row]:
    """Every line but the empty ones and CSV's header, in bounded memory. Raises Unreadable.

    One line is one card: a quoted field does not go over a line's end, so that one quotation mark too many
    spoils one line.
    """
    read: _Json | _Csv | None = None
    for number, line in _lines(stream):
        try:
            text = _text(line)
            if not text.strip():
                continue
            if read is None:
                read = _Json() if text.lstrip().startswith("{") else _Csv(text)
                if isinstance(read, _Csv):
                    continue
            yield Row(number, read.fields(text))
        except Refused as refused:
            if read is None:
                raise Unreadable(
                    f"line {number}, where the columns should be named: {refused.code}"
                ) from None
            yield Row(number, {}, refused.code)


def _lines(stream: Lines) -> Iterator[tuple[int, bytes]]:
    """Numbered lines. Of one that is too long, so much that this can be seen."""
    number = 0
    while line := stream.readline(LONGEST_LINE + 1):
        number += 1
        rest = line
        while len(rest) > LONGEST_LINE and not rest.endswith(b"\n"):
            rest = stream.readline(LONGEST_LINE + 1)
        yield number, line.removeprefix(_BOM) if number == 1 else line


def _text(line: bytes) -> str:
    if len(line) > LONGEST_LINE:
        raise Refused("LINE_TOO_LONG")
    try:
        text = line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise Refused("NOT_UTF8") from None
    if "\0" in text:
        raise Refused("NUL_BYTE")
    return text


class _Json:
    """A JSON object a line."""

    def fields(self, text: str) -> dict[str, Any]:
        """Read one line. Raises Refused."""
        try:
            found = json.loads(text, object_pairs_hook=_once)
        except (ValueError, RecursionError):
            raise Refused("NOT_JSON") from None
        if not isinstance(found, dict):
            raise Refused("NOT_JSON")
        if not found.keys() <= {*REQUIRED, *OPTIONAL}:
            raise Refused("UNKNOWN_FIELD")
        if not found.keys() >= set(REQUIRED):
            raise Refused("MISSING_FIELD")
        return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


class _Csv:
    """CSV (RFC 4180) by the columns of its header, in any order; commas, semicolons or tabs."""

    def __init__(self, header: str) -> None:
        self._delimiter = max(_DELIMITERS, key=header.count)
        self._columns = [name.strip().lower() for name in self._split(header)]
        missing = [name for name in REQUIRED if name not in self._columns]
        if missing:
            raise Unreadable(f"columns missing in the header: {', '.join(missing)}")
        unknown = [name for name in self._columns if name not in REQUIRED + OPTIONAL]
        if unknown or len(set(self._columns)) != len(self._columns):
            raise Unreadable(f"the header may name {', '.join(REQUIRED + OPTIONAL)}, each once, and no other")

    def fields(self, text: str) -> dict[str, Any]:
        """Read one line. Raises Refused."""
        values = self._split(text)
        if len(values) != len(self._columns):
            raise Refused("WRONG_COLUMNS")
        found = {name: value.strip() for name, value in zip(self._columns, values, strict=True)}
        return {name: value for name, value in found.items() if value or name in REQUIRED}

    def _split(self, text: str) -> list[str]:
        try:
            return next(csv.reader([text], delimiter=self._delimiter, strict=True))
        except csv.Error:
            raise Refused("NOT_CSV") from None
