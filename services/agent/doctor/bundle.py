"""The support bundle: facts that are named here, each of a form that no secret has. No file is copied.

What is written down was decided field by field; whatever is not in these lists, or has another form, is left
out: also what a later version of ours writes into the same files.
"""

import json
import platform
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from services.agent.doctor.finding import Finding
from services.agent.facts import ReaderState
from services.agent.messages import OUTCOMES, PROBLEMS
from services.agent.ports import Doing
from services.card_gateway.card.script import End, Kind

Form = Callable[[Any], bool]


def _one_of(*words: str) -> Form:
    return lambda value: isinstance(value, str) and value in words


def _form(pattern: str) -> Form:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _number(most: int) -> Form:
    return lambda value: isinstance(value, int) and abs(value) <= most


_DAY = r"\d{4}-\d{2}-\d{2}|missing"
FACTS: dict[str, Form] = {
    "running": lambda value: isinstance(value, bool),
    "used": lambda value: isinstance(value, bool),
    "mode": _form(r"[0-7]{3,4}"),
    "pcsc": _form(r"8010[0-9A-F]{4}"),
    "kind": _form(r"[A-Z]{2,8}"),
    "certificate 9A": _form(_DAY),
    "certificate 9E": _form(_DAY),
    "certificate until": _form(_DAY),
    "tries left": _number(15),
    "cards": _number(64),
    "port": _number(65535),
    "openssl": _number(1000),
    "why": _one_of("no address", "no answer", "refused", "NOT_ALLOWED", "SERVICE_UNAVAILABLE"),
    "seconds ahead": _number(60 * 60 * 24 * 366),
    "agent": _form(r"\d+\.\d+\.\d+"),
    "gateway": _form(r"\d+\.\d+\.\d+"),
}
"""Of a finding. Not among them: names of readers and of machines, and a card's last four."""

STATUS: dict[str, Form] = {
    "state": _one_of(*(doing.value for doing in Doing)),
    "reader_state": _one_of(*(state.value for state in ReaderState)),
    "problem": _one_of("", *PROBLEMS),
    "last_outcome": _one_of("", *OUTCOMES),
    "updated_at": _form(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{6})?\+00:00"),
}
"""Of the status file."""


def write_bundle(
    path: Path,
    findings: Sequence[Finding],
    version: str,
    settings: Iterable[str],
    state: Path | None,
    status: Path | None,
) -> None:
    """Write the bundle; `settings`: names of those that are set. Raises OSError, also where `path` exists."""
    content = {
        "doctor.json": [_finding(finding) for finding in findings],
        "computer.json": _computer(version, settings),
        "session.json": _session(state / "session.jsonl") if state else {},
        "status.json": _allowed(_read(status), STATUS) if status else {},
    }
    with path.open("xb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, part in content.items():
            bundle.writestr(name, json.dumps(part, indent=1))


def _finding(finding: Finding) -> dict[str, object]:
    facts = _allowed(finding.facts, FACTS)
    return {"check": finding.check, "level": finding.level.value, "code": finding.code, "facts": facts}


def _computer(version: str, settings: Iterable[str]) -> dict[str, object]:
    return {
        "version": version,
        "system": platform.system(),
        "release": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "settings": sorted(settings),
    }


def _session(path: Path) -> dict[str, object]:
    """Count the steps of the last session by kind, and their ends; no line is taken over."""
    kinds, ends = Counter[str](), Counter[str]()
    with suppress(OSError):
        for line in path.read_bytes().splitlines():
            with suppress(ValueError):
                match json.loads(line):
                    case {"kind": str(kind)} if kind in Kind.__members__:
                        kinds[kind] += 1
                    case {"end": str(end)} if end in End.__members__:
                        ends[end] += 1
    return {"steps": dict(kinds), "ends": dict(ends)}


def _allowed(values: Mapping[str, object], forms: Mapping[str, Form]) -> dict[str, object]:
    return {
        name: values[name] for name, has_form in forms.items() if name in values and has_form(values[name])
    }


def _read(path: Path) -> dict[str, object]:
    with suppress(OSError, ValueError):
        read = json.loads(path.read_bytes())
        if isinstance(read, dict):
            return read
    return {}
