"""A folder of Parquet files: `month=2026-11/records-<first place>.parquet`, and what is whole in it.

A file appears whole or not at all. A segment is whole once its own note says so, which is written last: an
export that was killed at any moment goes on there, and writes the same bytes again.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from services.audit.domain.segment import Segment
from services.runtime import faults

_INSTANT = pa.timestamp("us", tz="UTC")

SCHEMA = pa.schema([
    pa.field("place", pa.int64(), nullable=False),
    pa.field("event_id", pa.string(), nullable=False),
    pa.field("event_type", pa.string(), nullable=False),
    pa.field("source", pa.string(), nullable=False),
    pa.field("subject", pa.string(), nullable=False),
    pa.field("occurred_at", _INSTANT, nullable=False),
    pa.field("stored_at", _INSTANT, nullable=False),
    pa.field("session_id", pa.string()),
    pa.field("kind", pa.string()),
    pa.field("rank", pa.int16()),
    pa.field("code", pa.string()),
    pa.field("reason", pa.string()),
    pa.field("route", pa.string()),
    pa.field("card_ref", pa.string()),
    pa.field("holder_ref", pa.string()),
    pa.field("organisation", pa.string()),
    pa.field("actor_kind", pa.string()),
    pa.field("resolved_success", pa.bool_()),
    pa.field("took_ms", pa.int64()),
])  # fmt: skip
"""What each column says stands in docs/analysts.md."""


class Folder:
    """Where one log is exported to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._notes = path / "segments"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep every other export out. Raises BlockingIOError while one is in."""
        self._notes.mkdir(parents=True, exist_ok=True)
        with (self._path / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield

    def is_whole(self, segment: Segment) -> bool:
        """Tell whether all files of a segment, as long as it is now, are there."""
        note = self._notes / f"{segment.name}.json"
        if not note.exists():
            return False
        said = json.loads(note.read_text())
        sizes = {name: self._path / name for name in said["files"]}
        return said["end"] == segment.end and all(
            path.exists() and path.stat().st_size == said["files"][name] for name, path in sizes.items()
        )

    @contextmanager
    def files_of(self, segment: Segment) -> Iterator["SegmentFiles"]:
        """Write a segment: at the end of the block its files appear, and then its note."""
        files = SegmentFiles(self._path, segment)
        try:
            yield files
        finally:
            files.end()
        sizes = files.publish()
        note = {"first": segment.first, "end": segment.end, "files": sizes}
        fresh = self._notes / f".{segment.name}"
        fresh.write_text(json.dumps(note, indent=1) + "\n")
        _appear(fresh, self._notes / f"{segment.name}.json")


class SegmentFiles:
    """The files of one segment while they are written, one a month."""

    def __init__(self, path: Path, segment: Segment) -> None:
        self._path = path
        self._name = f"records-{segment.name}.parquet"
        self._writers: dict[str, pq.ParquetWriter] = {}

    def add(self, month: str, rows: Sequence[dict[str, Any]]) -> None:
        """Add a row group to a month's file."""
        if month not in self._writers:
            fresh = self._fresh(month)
            fresh.parent.mkdir(exist_ok=True)
            self._writers[month] = pq.ParquetWriter(fresh, SCHEMA, compression="zstd")
        self._writers[month].write_table(pa.Table.from_pylist(list(rows), SCHEMA))
        faults.reach("audit.export.page")

    def end(self) -> None:
        """Write the files' ends; what was not published is written again by the next export."""
        for writer in self._writers.values():
            writer.close()

    def publish(self) -> dict[str, int]:
        """Let the files appear; return their bytes by name."""
        sizes = {}
        for month in sorted(self._writers):
            path = self._fresh(month).with_name(self._name)
            _appear(self._fresh(month), path)
            sizes[str(path.relative_to(self._path))] = path.stat().st_size
        return sizes

    def _fresh(self, month: str) -> Path:
        return self._path / f"month={month}" / f".{self._name}"


def _appear(fresh: Path, path: Path) -> None:
    """Give a durable file its name, in place of an older one."""
    faults.reach("audit.export.before_a_file")
    _sync(fresh)
    fresh.replace(path)
    _sync(path.parent)
    faults.reach("audit.export.after_a_file")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
