"""A process that we started, with its log, its readiness and its end.

Every wait has a deadline. A child dies with us, however we die: the kernel sends it SIGKILL when the
thread that started it ends, so start children from the main thread. `setpriv` asks for that and then
becomes the child; a `preexec_fn` would do it too, but hangs now and then beside gRPC's threads.
"""

import fcntl
import functools
import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

PORTS = range(15000, 32000)
"""Below Linux's range for outgoing connections (ip_local_port_range, from 32768)."""
CLAIMS = Path(tempfile.gettempdir()) / f"smartcard-unlock-ports-{os.getuid()}"
"""A file in which whoever is given a port locks the byte of that number, for as long as it lives."""
_given: set[int] = set()
DIE_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")


class ChildFailed(RuntimeError):
    """A process ended, or did not become ready; says which, and the last lines of its log."""


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on and that no outgoing connection will take.

    A port of the system's own choosing would come from the range of outgoing connections, and be gone
    now and then by the time its process starts. One given here is not given again while this process
    lives, neither here nor in another, though nobody may listen on it for seconds.
    """
    while True:
        port = secrets.choice(PORTS)
        if port in _given:
            continue
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            fcntl.lockf(_claims(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
            _given.add(port)
            return port


@functools.cache
def _claims() -> int:
    """Return the file of claims, open for good: a lock of this kind ends with the first close of its file."""
    return os.open(CLAIMS, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def wait_until(what: str, ready: Callable[[], bool], seconds: float, every: float = 0.05) -> None:
    """Return as soon as `ready()` holds.

    Raises TimeoutError naming `what` after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(every)


class Child:
    """One process by name; may be ended and started again with the same arguments."""

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        log: Path,
        env: Mapping[str, str] | None = None,
        ready_line: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        dies_with_us: bool = True,
        folder: Path | None = None,
    ) -> None:
        """`ready_line`: text in the log that says it serves; None: ready as soon as it runs.

        `env` is added to our own environment; `folder` is where it runs.
        """
        self.name, self.argv, self.log, self.ready_line = name, list(argv), log, ready_line
        self.env, self._stop_signal, self._dies_with_us = dict(env or {}), stop_signal, dies_with_us
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._read_from = 0

    @property
    def pid(self) -> int:
        """The process id. Raises ChildFailed before the first start."""
        if self._process is None:
            raise ChildFailed(f"{self.name} was never started")
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs (and before it was started); negative: the signal that ended it."""
        return None if self._process is None else self._process.poll()

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def launch(self) -> None:
        """Start it; does not wait."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._read_from = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*(DIE_WITH_US if self._dies_with_us else ()), *self.argv],
                env={**os.environ, **self.env},
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_ready(self, seconds: float = 60) -> None:
        """Raises ChildFailed if it ends first or is not ready in time."""
        try:
            wait_until(self.name, self._ready_or_dead, seconds)
        except TimeoutError as late:
            raise ChildFailed(f"{late}\n{self.tail()}") from None
        if not self.running:
            raise ChildFailed(f"{self.name} ended with {self.exit_code} before it was ready\n{self.tail()}")

    def start(self, seconds: float = 60) -> None:
        """Launch and wait until it is ready."""
        self.launch()
        self.wait_ready(seconds)

    def ask_to_end(self) -> None:
        """The signal that it ends on; does not wait."""
        if self.running:
            self.send(self._stop_signal)

    def wait(self, seconds: float) -> int | None:
        """Its exit code, or None when it still runs after `seconds`."""
        try:
            self._wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        return self.exit_code

    def stop(self, seconds: float = 30) -> int | None:
        """Ask it to end, and SIGKILL if it has not after `seconds`; the exit code."""
        self.ask_to_end()
        if self.running and self.wait(seconds) is None:
            self.kill()
        return self.exit_code

    def kill(self) -> None:
        """SIGKILL to the process and its whole group: no goodbye."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._wait(10)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        os.kill(self.pid, number)

    def tail(self, lines: int = 15) -> str:
        """The last lines that it wrote since its last start."""
        return "\n".join(self.written().splitlines()[-lines:])

    def written(self) -> str:
        """All that it wrote since its last start."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(self._read_from)
            return log.read().decode(errors="replace")

    def _ready_or_dead(self) -> bool:
        return not self.running or self.ready_line is None or self.ready_line in self.written()

    def _wait(self, seconds: float) -> None:
        if self._process is not None:
            self._process.wait(seconds)
