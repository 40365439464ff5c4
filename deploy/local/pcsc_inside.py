"""The inner half of `pcsc.py`: runs inside the private namespaces and keeps `pcscd` and the virtual cards.

Started as `unshare --net --mount python -m deploy.local.pcsc_inside DIRECTORY [remove]`. Obeys one word a
line on its standard input, answers each with one JSON line, and ends everything when that input ends, so
that nothing outlives the process that asked for it, however that process died.
"""

import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

RUNTIME_DIRECTORY = Path("/run/pcscd")  # compiled into Debian's pcscd as its ipcdir
DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")  # Debian package vsmartcard-vpcd
FIRST_PORT = 35963
"""TCP port of slot 0; slot 1 has the next. Nobody else lives in this network namespace: any port is free."""
SLOTS = 2
"""A second entry with the same driver would share its slot table and mix up cards: cards.md section 6."""
START_LIMIT = 45.0
"""Seconds for pcscd or the cards to be there."""
STOP_LIMIT = 3.0
"""Seconds between SIGTERM and SIGKILL."""
PR_SET_PDEATHSIG = 1  # linux/prctl.h
SIOCSIFFLAGS = 0x8914  # linux/sockios.h
IFF_UP = 0x1  # linux/if.h

CONFIGURATION = f"""FRIENDLYNAME "Virtual PCD"
DEVICENAME   /dev/null:0x{FIRST_PORT:04X}
LIBPATH      {DRIVER}
CHANNELID    0x{FIRST_PORT:04X}
"""


def main(directory: Path) -> int:
    """Set the namespace up, start both programs, obey until the input ends."""
    _loopback_up()
    _own_runtime_directory(directory / "run")
    inside = Inside(directory)
    try:
        inside.start_service()
        inside.start_cards()
        _say(event="ready", pid=os.getpid())
        for line in sys.stdin:
            _obey(inside, line.strip())
    except TroubleError as trouble:
        _say(error=str(trouble))
        return 1
    finally:
        inside.stop_cards()
        inside.stop_service()
    return 0


class TroubleError(Exception):
    """Something that a person has to mend, in one sentence."""


class Inside:
    """The two programs of the namespace, by handle."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._service: subprocess.Popen[bytes] | None = None
        self._cards: subprocess.Popen[bytes] | None = None

    def start_service(self) -> None:
        """Start pcscd and wait until it answers; what an earlier one left behind is removed first."""
        for name in ("pcscd.comm", "pcscd.pid"):
            (self._directory / "run" / name).unlink(missing_ok=True)
        command = ["pcscd", "--foreground", "--error", "--config", str(self._directory / "conf")]
        # No USB readers: the machine's own belong to the machine's own pcscd.
        environment = {**os.environ, "PCSCLITE_HP_DROPDIR": str(self._directory / "none")}
        self._service = self._start("pcscd", command, environment)
        self._wait(self._service, "pcscd", lambda: _answers(self._directory / "run" / "pcscd.comm"))

    def start_cards(self) -> None:
        """Start the virtual cards and wait until their control socket is there."""
        control = self._directory / "cards.sock"
        control.unlink(missing_ok=True)
        where = ["--port", str(FIRST_PORT), "--slots", str(SLOTS), "--control", str(control)]
        command = [
            sys.executable,
            "-m",
            "deploy.local.vpicc",
            *where,
            "--cards",
            str(self._directory / "cards"),
        ]
        self._cards = self._start("cards", command, dict(os.environ))
        self._wait(self._cards, "cards", lambda: _answers(control))

    def stop_service(self) -> None:
        """SIGTERM, and SIGKILL to one that does not listen."""
        _end(self._service, signal.SIGTERM)

    def stop_cards(self) -> None:
        """As `stop_service`, for the virtual cards."""
        _end(self._cards, signal.SIGTERM)

    def kill_service(self) -> None:
        """SIGKILL, as a crash would; its socket and pid file stay behind."""
        _end(self._service, signal.SIGKILL)

    def freeze_service(self) -> None:
        """SIGSTOP: it is there and answers nobody."""
        if self._service is not None:
            self._service.send_signal(signal.SIGSTOP)

    def thaw_service(self) -> None:
        """SIGCONT."""
        if self._service is not None:
            self._service.send_signal(signal.SIGCONT)

    def _start(self, name: str, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        with (self._directory / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                preexec_fn=_die_with_parent,  # one thread here: no deadlock
            )

    def _wait(self, process: subprocess.Popen[bytes], name: str, there: Callable[[], bool]) -> None:
        end = time.monotonic() + START_LIMIT
        while not there():
            if process.poll() is not None or time.monotonic() > end:
                log = (self._directory / f"{name}.log").read_text(errors="replace").strip()
                raise TroubleError(
                    f"{name} did not start: {log.splitlines()[-1] if log else 'it said nothing'}"
                )
            time.sleep(0.01)


def _obey(inside: Inside, word: str) -> None:
    words = {
        "start-service": inside.start_service,
        "stop-service": inside.stop_service,
        "kill-service": inside.kill_service,
        "freeze-service": inside.freeze_service,
        "thaw-service": inside.thaw_service,
    }
    if word not in words:
        _say(error=f"unknown word {word!r}")
        return
    words[word]()
    _say(done=word)


def _end(process: subprocess.Popen[bytes] | None, how: signal.Signals) -> None:
    if process is None or process.poll() is not None:
        return
    process.send_signal(how)
    try:
        process.wait(STOP_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_LIMIT)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def _own_runtime_directory(own: Path) -> None:
    done = subprocess.run(
        ["mount", "--bind", str(own), str(RUNTIME_DIRECTORY)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise TroubleError(f"cannot mount over {RUNTIME_DIRECTORY}: {done.stderr.strip()}")


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


if __name__ == "__main__":
    # Ctrl-C in a terminal is for the program that started us; it will close our input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        sys.exit(main(Path(sys.argv[1])))
    except TroubleError as trouble:
        _say(error=str(trouble))
        sys.exit(1)
    finally:
        if "remove" in sys.argv[2:]:  # our owner may have died without tidying up
            shutil.rmtree(sys.argv[1], ignore_errors=True)
