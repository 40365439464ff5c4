"""What a killed agent must still know: its session, the step under way, reports not yet acknowledged.

One file of JSON lines, 0600, only ever added to, so that a line costs microseconds while a card is held and a
torn last line loses nothing but itself. It holds the session's token and private key, and of the card's
answers status words only. A new session replaces it.
"""

import base64
import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.agent.ports import Session
from services.agent.sealing import public_key_of
from services.card_gateway.card.script import Answer, End, Kind, Report

_WITHOUT_DATA = frozenset({Kind.RESET.value, Kind.RECOVER.value})
"""Kinds that are judged by status words alone; the end of any other is lost with its data."""


@dataclass
class Ran:
    """One step that was begun."""

    kind: str
    answers: list[Answer] = field(default_factory=list)
    in_flight: str = ""
    report: Report | None = None

    def found(self) -> Report:
        """Return what can still be said of it after a restart."""
        if self.report is not None and self.kind in _WITHOUT_DATA:
            return self.report
        return Report(tuple(self.answers), End.INTERRUPTED, self.in_flight)


@dataclass
class Remembered:
    """What an earlier run of the agent left."""

    session: Session
    reports: dict[str, Report]
    """By step id: every step that was begun."""
    unacknowledged: list[str]
    """Ids of the steps whose report the gateway has not confirmed."""


class Journal:
    """The file, in a folder that only we can read."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._path = folder / "session.jsonl"
        self._file: int | None = None

    def begin_session(self, session: Session) -> None:
        """Forget the earlier session and remember this one, on the disk before we return. Raises OSError."""
        fresh = self._path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        self._file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL, 0o600)
        self._write(session=session.session_id, token=session.agent_token, key=_text(session.private_key))
        os.fsync(self._file)
        fresh.replace(self._path)

    def begin_step(self, step_id: str, kind: Kind) -> None:
        """A step begins. Raises OSError: then it must not, for nobody could tell of it after a crash."""
        self._write(step=step_id, kind=kind.value)

    def send(self, name: str) -> None:
        """A command is about to leave for the card."""
        self._add(send=name)

    def answer(self, name: str, sw: int) -> None:
        """The whole answer to it is there."""
        self._add(answer=name, sw=sw)

    def end_step(self, report: Report) -> None:
        """The step has ended."""
        self._add(end=report.end.value, in_flight=report.in_flight, rule=report.rule)

    def acknowledged(self, step_id: str) -> None:
        """The gateway has the report."""
        self._add(acknowledged=step_id)

    def forget(self) -> None:
        """The session is over."""
        self._path.unlink(missing_ok=True)
        self._file = None

    def recall(self) -> Remembered | None:
        """Return what an earlier run left, if anything, and go on in the same file."""
        with suppress(FileNotFoundError):
            lines = _lines(self._path.read_bytes())
            if lines and "session" in lines[0]:
                self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND)
                os.write(self._file, b"\n")  # ends a torn line
                return _remembered(lines)
        return None

    def _add(self, **fact: object) -> None:
        with suppress(OSError):  # a full disk is no reason to stop between two commands
            self._write(**fact)

    def _write(self, **fact: object) -> None:
        if self._file is not None:
            os.write(self._file, json.dumps(fact).encode() + b"\n")


def _lines(raw: bytes) -> list[dict[str, Any]]:
    found = []
    for line in raw.splitlines():
        with suppress(ValueError):
            found.append(json.loads(line))
    return found


def _remembered(lines: list[dict[str, Any]]) -> Remembered:
    steps: dict[str, Ran] = {}
    confirmed: set[str] = set()
    ran = Ran("")
    for line in lines[1:]:
        match line:
            case {"step": step_id, "kind": kind}:
                ran = steps[step_id] = Ran(kind)
            case {"send": name}:
                ran.in_flight = name
            case {"answer": name, "sw": sw}:
                ran.answers.append(Answer(name, sw))
                ran.in_flight = ""
            case {"end": end, "in_flight": in_flight, "rule": rule}:
                ran.report = Report(tuple(ran.answers), End(end), in_flight, rule)
            case {"acknowledged": step_id}:
                confirmed.add(step_id)
    reports = {step_id: ran.found() for step_id, ran in steps.items()}
    waiting = [step_id for step_id in steps if step_id not in confirmed]
    return Remembered(_session(lines[0]), reports, waiting)


def _session(line: dict[str, Any]) -> Session:
    private_key = base64.b64decode(line["key"])
    return Session(line["session"], line["token"], private_key, public_key_of(private_key))


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
