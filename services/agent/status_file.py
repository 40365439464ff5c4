"""The window's facts for another program of the same person: one small JSON file, replaced as a whole.

Holds no secret but the page address and its code, which are good for 120 s and once; mode 0600.
"""

import json
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from services.agent.facts import Facts, ReaderState
from services.agent.ports import Doing, Pairing, Question, Typed, Window


class StatusFile:
    """A window in front of the real one, that writes down what passes through it."""

    def __init__(self, path: Path, window: Window, version: str, wall: Callable[[], datetime]) -> None:
        self._path, self._window, self._wall = path, window, wall
        self._status: dict[str, object] = {
            "state": Doing.NO_GATEWAY.value,
            "session_id": "",
            "page_address": "",
            "pairing_code": "",
            "expires_at": "",
            "words": [],
            "reader_state": ReaderState.READER_SERVICE_DOWN.value,
            "problem": "",
            "warning": "",
            "last_outcome": "",
            "last_code": "",
            "spare": {},
            "pid": os.getpid(),
            "version": version,
        }
        self._write()

    def offered(self, session_id: str, pairing: Pairing, words: tuple[str, str, str], *, first: bool) -> None:
        """Write where the page is."""
        self._write(
            state=Doing.OFFERED.value,
            session_id=session_id,
            spare={},
            page_address=pairing.page_address,
            pairing_code=pairing.code,
            expires_at=pairing.expires_at,
            words=list(words),
            problem="",
        )
        self._window.offered(session_id, pairing, words, first=first)

    def spare(self, session_id: str, pairing: Pairing, words: tuple[str, str, str]) -> None:
        """Write where another page may begin anew."""
        offer = {"session_id": session_id, "page_address": pairing.page_address, "pairing_code": pairing.code}
        self._write(spare=offer)
        self._window.spare(session_id, pairing, words)

    def begun_anew(self, session_id: str, words: tuple[str, str, str]) -> None:
        """Write which session is in use from now on."""
        self._write(state=Doing.CLAIMED.value, session_id=session_id, words=list(words), spare={}, problem="")
        self._window.begun_anew(session_id, words)

    def doing(self, what: Doing, script_kind: str = "") -> None:
        """Write what happens now; once claimed, the address is of no more use."""
        gone = {} if what is Doing.NO_GATEWAY else {"page_address": "", "pairing_code": "", "expires_at": ""}
        self._write(state=what.value, **gone)
        self._window.doing(what, script_kind)

    def readers(self, facts: Facts) -> None:
        """Write what the readers are like."""
        self._write(reader_state=facts.state.value)
        self._window.readers(facts)

    def problem(self, code: str) -> None:
        """Write the last problem's code."""
        self._write(problem=code)
        self._window.problem(code)

    def warning(self, code: str) -> None:
        """Write what the person is warned of."""
        self._write(warning=code)
        self._window.warning(code)

    def ended(self, outcome: str, code: str) -> None:
        """Write how the session ended."""
        self._write(last_outcome=outcome, last_code=code)
        self._window.ended(outcome, code)

    async def confirm(self, question: Question, words: tuple[str, str, str], seconds: float) -> bool:
        """Leave the question to the window."""
        return await self._window.confirm(question, words, seconds)

    async def ask_pins(self, question: Question, words: tuple[str, str, str], seconds: float) -> Typed | None:
        """Leave it to the window; nothing of it is written."""
        return await self._window.ask_pins(question, words, seconds)

    def _write(self, **changes: object) -> None:
        self._status.update(changes, updated_at=self._wall().isoformat())
        fresh = self._path.with_name(self._path.name + ".new")
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
            file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(file, "w", encoding="utf-8") as out:
                json.dump(self._status, out)
            fresh.replace(self._path)
