"""Heads as files that are written once: `<day>/<size>.head`, read-only, never opened again to write.

Whoever holds a copy can hold the log to it. A file appears whole or not at all, so that it can lie on
storage that lets nothing be changed.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from services.audit.ports import SignedHead

_DIGITS = 20
"""Sizes are written with as many, so that the order of names is that of sizes."""


class HeadsFolder:
    """One folder of heads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def last(self) -> tuple[int, str] | None:
        """Return size and note of the largest head; None where there is none. Raises OSError."""
        days = sorted((path for path in self._folder.iterdir() if path.is_dir()), reverse=True)
        for day in days:
            for path in sorted(day.glob("*.head"), reverse=True):
                return int(path.stem), path.read_text()
        return None

    def add(self, heads: Sequence[SignedHead]) -> None:
        """Write heads durably. Raises OSError, also where another head of that size is there."""
        for signed in heads:
            day = self._folder / f"{signed.signed_at:%Y-%m-%d}"
            day.mkdir(exist_ok=True)
            _write_once(day / f"{signed.head.size:0{_DIGITS}}.head", signed.head.note)


def heads_in(folder: Path) -> dict[str, str]:
    """Return every head below a folder, by its path there. Raises OSError, also where there is no folder."""
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder}: no such folder")
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*.head"))}


def _write_once(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(fresh, path)  # never replaces
    except FileExistsError:
        if path.read_text() != text:
            raise
    finally:
        fresh.unlink()
    _sync(path.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
