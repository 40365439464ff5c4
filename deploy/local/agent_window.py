"""The agent in a window of its own: a pseudo-terminal that someone reads and types into.

The agent asks its question on its controlling terminal and nowhere else; this is that terminal where there is
no person in front of one: for the desk page, which shows `text` and sends what is typed there, and for tests.
"""

import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


class AgentWindow:
    """`python -m services.agent run` on a pseudo-terminal; its log goes to a file."""

    COMMAND: tuple[str, ...] = ("services.agent", "run")
    LONGEST_TEXT = 64 * 1024
    """Characters of the window that are kept; the oldest go."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        """`environment` is added to our own; `log` takes the agent's standard error."""
        self._environment, self._log = {"AGENT_WINDOW": "console", **environment}, log
        self._process: subprocess.Popen[bytes] | None = None
        self._terminal = -1
        self._open = threading.Lock()
        """Held while the terminal is written to or closed: its number may soon be another file's."""
        self._text = ""
        self._news = threading.Condition()

    @property
    def text(self) -> str:
        """All that stands in the window."""
        return self._text

    @property
    def pid(self) -> int:
        """The agent's process id. Raises RuntimeError before `start`."""
        return self._started().pid

    @property
    def running(self) -> bool:
        """Whether the agent was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the agent; returns at once. After `kill` or `stop` it starts anew, in the same window."""
        terminal, inside = pty.openpty()
        with self._open:
            self._terminal = terminal
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                # No code of ours between fork and exec: the caller may have threads, and then it hangs.
                # The agent ends with us: the kernel hangs up when our end of the terminal is closed.
                ["setsid", "--ctty", sys.executable, "-m", *self.COMMAND],
                stdin=inside,
                stdout=inside,
                stderr=log,
                env={**os.environ, **self._environment},
            )
        os.close(inside)
        threading.Thread(target=self._read, args=(terminal,), daemon=True).start()

    def wait_for(self, what: str, seconds: float, *, after: int = 0) -> int:
        """Return where in `text` the words end, as soon as they stand there after position `after`.

        Raises TimeoutError.
        """
        with self._news:
            if not self._news.wait_for(lambda: what in self._text[after:], seconds):
                raise TimeoutError(f"the agent's window never said {what!r}:\n{self._text[after:]}")
            return self._text.index(what, after) + len(what)

    def type(self, line: str) -> None:
        """Type a line, as the person does; what is typed to an agent that has just ended nobody reads."""
        with self._open, suppress(OSError):
            os.write(self._terminal, line.encode() + b"\n")

    def ended(self, seconds: float = 30.0) -> int:
        """Return the exit status of an agent that ends by itself. Raises TimeoutExpired."""
        return self._started().wait(seconds)

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self, seconds: float = 30.0) -> int:
        """SIGTERM, and SIGKILL if it takes longer; return the exit status. Twice is once."""
        return self._end(signal.SIGTERM, seconds) if self._process is not None else 0

    def _end(self, how: signal.Signals, seconds: float = 10.0) -> int:
        process = self._started()
        if process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
        return process.wait(10.0)

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise RuntimeError("the agent was not started")
        return self._process

    def _read(self, terminal: int) -> None:
        while read := _bytes(terminal):
            with self._news:
                text = read.decode(errors="replace").replace("\r\n", "\n")
                self._text = (self._text + text)[-self.LONGEST_TEXT :]
                self._news.notify_all()
        with self._open:
            os.close(terminal)
            if self._terminal == terminal:
                self._terminal = -1


def _bytes(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # the other end is closed
        return b""
