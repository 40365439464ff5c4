"""What a killed agent must still know: its session, the one on offer, the step under way, reports not yet
acknowledged.

One file of JSON lines, 0600, only ever added to, so that a line costs microseconds while a card is held and a
torn line loses nothing but itself. It holds both sessions' tokens and private keys, and of the card's answers
status words only. A new session replaces it. A line of a later version's is passed over.
"""

import base64
import errno
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.agent.ports import Session
from services.agent.sealing import public_key_of
from services.card_gateway.card.script import Answer, End, Kind, Report

NOT_WRITTEN = "STATE_FOLDER_NOT_WRITABLE"
"""What the person is told where a line could not be written, by the name that `doctor` gives it."""

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
    offered: Session | None
    """The other one that was on offer last: a page may have claimed it."""


class Journal:
    """The file, in a folder that only we can read."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        self._path = folder / "session.jsonl"
        self._file: int | None = None

    def begin_session(self, session: Session) -> None:
        """Forget all before and remember this session, on the disk before we return.

        Raises OSError: then what was known before is still known, and nobody may be shown this one.
        """
        fresh = self._path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL, 0o600)
        try:
            _write_line(file, {"session": session.session_id, **_secrets(session)})
            os.fsync(file)
            fresh.replace(self._path)
        except OSError:
            os.close(file)
            raise
        self._go_on_in(file)

    def offer(self, session: Session) -> None:
        """Remember a session that is to be on offer beside ours, in place of one before, on the disk.

        Raises OSError: then nobody may be shown it.
        """
        self._write(offer=session.session_id, **_secrets(session))
        if self._file is not None:
            os.fsync(self._file)

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
        """The session is over, and no other is on offer."""
        self._path.unlink(missing_ok=True)
        self._go_on_in(None)

    def recall(self) -> Remembered | None:
        """Return what an earlier run left, if anything that is ours, and go on in the same file."""
        with suppress(FileNotFoundError):
            lines = _lines(self._path.read_bytes())
            if lines and lines[0].keys() >= {"session", "token", "key"}:
                self._go_on_in(os.open(self._path, os.O_WRONLY | os.O_APPEND))
                return _remembered(lines)
        return None

    def _go_on_in(self, file: int | None) -> None:
        if self._file is not None:
            os.close(self._file)
        self._file = file

    def _add(self, **fact: object) -> None:
        with suppress(OSError):  # a full disk is no reason to stop between two commands
            self._write(**fact)

    def _write(self, **fact: object) -> None:
        if self._file is not None:
            _write_line(self._file, fact)


def _write_line(file: int, fact: Mapping[str, object]) -> None:
    """Add a line, which begins anew where the last was torn. Raises OSError, also where it is torn itself."""
    line = b"\n" + json.dumps(fact).encode() + b"\n"
    if os.write(file, line) < len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _lines(raw: bytes) -> list[dict[str, Any]]:
    found = []
    for line in raw.splitlines():
        with suppress(ValueError):
            fact = json.loads(line)
            if isinstance(fact, dict):
                found.append(fact)
    return found


def _remembered(lines: list[dict[str, Any]]) -> Remembered:
    steps: dict[str, Ran] = {}
    confirmed: set[str] = set()
    offered = None
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
            case {"offer": session_id, "token": _, "key": _}:
                offered = _session(session_id, line)
    reports = {step_id: ran.found() for step_id, ran in steps.items()}
    waiting = [step_id for step_id in steps if step_id not in confirmed]
    return Remembered(_session(lines[0]["session"], lines[0]), reports, waiting, offered)


def _session(session_id: str, line: dict[str, Any]) -> Session:
    private_key = base64.b64decode(line["key"])
    return Session(session_id, line["token"], private_key, public_key_of(private_key))


def _secrets(session: Session) -> dict[str, str]:
    return {"token": session.agent_token, "key": base64.b64encode(session.private_key).decode("ascii")}
