"""A `pcscd` of one's own, with two virtual readers: real PC/SC without hardware, as often as one likes.

The package's own configuration opens a port on every interface and knows one service a machine. This one
lives in a network and a mount namespace of its own (architecture section 8): two at once do not meet, and
nobody on the network can insert a card. Clients stay outside and find it by `PCSCLITE_CSOCK_NAME`.

    with OwnPcscd() as pcsc:
        subprocess.run(["opensc-tool", "--list-readers"], env={**os.environ, **pcsc.environment})

By hand: `python -m deploy.local.pcsc` prints that variable and runs until Ctrl-C.
"""

import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local.pcsc_inside import CONFIGURATION, DRIVER, RUNTIME_DIRECTORY, SLOTS

ANSWER_LIMIT = 60.0
"""Seconds for one answer from inside the namespace: longer than an insert waits for its reader."""
SOCKET_PATH_LIMIT = 107
"""Longest path of a unix socket, bytes. Source: unix(7), sun_path."""
READERS = tuple(f"Virtual PCD 00 {slot:02d}" for slot in range(SLOTS))
"""Reader names as PC/SC tells them, by slot."""


class PcscUnavailableError(RuntimeError):
    """PC/SC cannot run here. One line: the code PR20002, what is wrong, how to mend it."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(f"PR20002 no reader service: {what}. To mend: {mend}.")


class CardOrderRefused(Exception):
    """The virtual card process said no; the text is its code, such as NO_SUCH_CARD."""


class OwnPcscd:
    """One `pcscd` with two reader slots and a virtual card process, in namespaces of their own."""

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = directory or Path(tempfile.mkdtemp(prefix="scu-pcsc-"))
        """Holds sockets, logs and card state; a short path, as socket names are."""
        self._made_directory = directory is None
        self._inside: subprocess.Popen[str] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What a PC/SC client needs in its environment."""
        return {"PCSCLITE_CSOCK_NAME": str(self.directory / "run" / "pcscd.comm")}

    @property
    def cards(self) -> Path:
        """Folder of the virtual cards' files; write them with `deploy.local.virtual_card.personalise`."""
        return self.directory / "cards"

    @property
    def card_control(self) -> Path:
        """Unix socket of the virtual card process: insert, pull, swap, faults. See `deploy.local.vpicc`."""
        return self.directory / "cards.sock"

    def start(self) -> Self:
        """Return when the service answers and both readers are there. Raises PcscUnavailableError."""
        self._prepare()
        arguments = [str(self.directory), *(["remove"] if self._made_directory else [])]
        self._inside = subprocess.Popen(
            [*_namespaces(), sys.executable, "-m", "deploy.local.pcsc_inside", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # A Ctrl-C in the terminal is for whoever started us; we end when told.
            start_new_session=True,
        )
        try:
            self._answer()
        except PcscUnavailableError:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End all of it; twice is once. The directory goes if it was ours."""
        if self._inside is not None:
            _close(self._inside)
            self._inside = None
        if self._made_directory:
            shutil.rmtree(self.directory, ignore_errors=True)

    def stop_service(self) -> None:
        """Stop pcscd as an administrator would; the cards stay in their slots."""
        self._order("stop-service")

    def kill_service(self) -> None:
        """Kill pcscd as a crash would."""
        self._order("kill-service")

    def start_service(self) -> None:
        """Start pcscd after `stop_service` or `kill_service`."""
        self._order("start-service")

    def restart_service(self) -> None:
        """Kill pcscd and start it again, while clients live."""
        self.kill_service()
        self.start_service()

    def freeze_service(self) -> None:
        """Make pcscd hang: it accepts and answers nobody."""
        self._order("freeze-service")

    def thaw_service(self) -> None:
        """End `freeze_service`."""
        self._order("thaw-service")

    def card(self, do: str, **request: object) -> dict[str, object]:
        """Order the virtual card process, as `deploy.local.vpicc` says. Raises CardOrderRefused."""
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(ANSWER_LIMIT)
            control.connect(str(self.card_control))
            control.sendall(json.dumps({"do": do, **request}).encode() + b"\n")
            answer: dict[str, object] = json.loads(control.makefile().readline())
        if not answer.pop("ok"):
            raise CardOrderRefused(str(answer["error"]))
        return answer

    def insert(self, card: str, slot: int = 0) -> None:
        """Put a card into a reader; what was there is taken out."""
        self.card("insert", card=card, slot=slot)

    def remove(self, slot: int = 0) -> None:
        """Take out what is in a reader."""
        self.card("remove", slot=slot)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _prepare(self) -> None:
        _check_parts()
        longest = len(os.fsencode(self.directory / "run" / "pcscd.comm"))
        if longest > SOCKET_PATH_LIMIT:
            raise PcscUnavailableError(
                f"{self.directory} is too long a path for a socket", "give a shorter directory"
            )
        for name in ("conf", "run", "none", "cards"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        (self.directory / "conf" / "vpcd").write_text(CONFIGURATION)

    def _order(self, word: str) -> None:
        pipe = self._inside.stdin if self._inside else None
        if pipe is None:
            raise RuntimeError("not started")
        pipe.write(word + "\n")
        pipe.flush()
        self._answer()

    def _answer(self) -> None:
        pipe = self._inside.stdout if self._inside else None
        if pipe is None:
            raise RuntimeError("not started")
        ready, _, _ = select.select([pipe], [], [], ANSWER_LIMIT)
        line = pipe.readline() if ready else ""
        if not line:
            raise PcscUnavailableError(
                "the namespace could not be made", "run as root, with util-linux installed"
            )
        error = json.loads(line).get("error")
        if error:
            raise PcscUnavailableError(error, "run `make setup` again")


def _check_parts() -> None:
    if shutil.which("pcscd") is None:
        raise PcscUnavailableError("pcscd is not installed", "`make setup`, or `apt-get install pcscd`")
    if not DRIVER.exists():
        raise PcscUnavailableError(
            "the virtual reader's driver is missing", "`make setup`, or `apt-get install vsmartcard-vpcd`"
        )
    if not RUNTIME_DIRECTORY.exists():
        try:
            RUNTIME_DIRECTORY.mkdir()
        except OSError:
            raise PcscUnavailableError(
                f"{RUNTIME_DIRECTORY} does not exist", f"`sudo mkdir {RUNTIME_DIRECTORY}`"
            ) from None


def _namespaces() -> list[str]:
    rootless = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", *rootless, "--net", "--mount"]


def _close(inside: subprocess.Popen[str]) -> None:
    for pipe in (inside.stdin, inside.stdout):
        if pipe is not None:
            pipe.close()
    try:
        inside.wait(ANSWER_LIMIT)
    except subprocess.TimeoutExpired:
        inside.terminate()
        inside.wait()


def _main() -> int:
    try:
        with OwnPcscd() as pcsc:
            for name, value in pcsc.environment.items():
                print(f"export {name}={value}", flush=True)
            print(f"# virtual cards: {pcsc.card_control}; Ctrl-C ends it", flush=True)
            while True:
                time.sleep(3600)
    except PcscUnavailableError as trouble:
        print(trouble, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(_main())
