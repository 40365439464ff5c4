"""The samples of every event: headers and value as they travel, with the value in protobuf's JSON."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "docs" / "samples" / "events"


@dataclass(frozen=True)
class Sample:
    """One kept message."""

    name: str
    topic: str
    key: str
    headers: dict[str, str]
    value: dict[str, Any]
    """In protobuf's JSON, fields by their proto names."""
    raw: bytes

    @property
    def event(self) -> str:
        """Return the full name of its message."""
        return self.headers["ce_type"]

    def as_json(self) -> str:
        """Return the sample as its file holds it."""
        told = {"topic": self.topic, "key": self.key, "headers": self.headers, "value": self.value}
        return json.dumps(told | {"value_hex": self.raw.hex(" ")}, indent=2, ensure_ascii=False) + "\n"


def samples(folder: Path = FOLDER) -> list[Sample]:
    """Return what the folder holds, by name."""
    return [_read(path) for path in sorted(folder.glob("*.json"), key=lambda path: path.stem)]


def samples_of(event: str, topic: str = "") -> list[Sample]:
    """Return the samples of one event, of all topics or of one."""
    return [each for each in samples() if each.event == event and topic in ("", each.topic)]


def _read(path: Path) -> Sample:
    told = json.loads(path.read_text())
    raw = bytes.fromhex(told.pop("value_hex"))
    return Sample(name=path.stem, raw=raw, **told)
