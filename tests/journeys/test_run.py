"""`make run`: two at once, each with a desk page of its own, and nothing left after Ctrl-C."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from deploy.local.child import wait_until
from tests.journeys.person import PATIENCE

pytestmark = [pytest.mark.kafka, pytest.mark.pcsc]

DESK = re.compile(r"Desk page\s+(http://127\.0\.0\.1:\d+)")


class Running:
    """One `make run`, as a terminal sees it."""

    def __init__(self, process: "subprocess.Popen[bytes]", output: Path) -> None:
        self.process, self._output = process, output

    @property
    def text(self) -> str:
        return self._output.read_text()

    @property
    def desk(self) -> str:
        """The address that it printed. Raises TimeoutError with what it printed instead."""
        try:
            wait_until(
                "a desk page", lambda: bool(DESK.search(self.text)) or self.process.poll() is not None, 120
            )
        except TimeoutError as late:
            raise TimeoutError(f"{late}\n{self.text}") from None
        found = DESK.search(self.text)
        assert found, self.text
        return found[1]

    def state(self) -> dict[str, object]:
        state: dict[str, object] = httpx.get(f"{self.desk}/api/state", timeout=PATIENCE).json()
        return state

    def press(self, path: str, origin: str | None = None, **form: str) -> int:
        headers = {"Origin": origin or self.desk}
        return httpx.post(f"{self.desk}{path}", data=form, headers=headers, timeout=PATIENCE).status_code


@contextmanager
def run(folder: Path) -> Iterator[Running]:
    output = folder / "output"
    with output.open("wb") as terminal:
        process = subprocess.Popen(
            # SIGINT ignored at the start, as a shell does for what it runs in the background.
            ["sh", "-c", 'trap "" INT; exec "$0" "$@"', sys.executable, "-m", "deploy.local.run"],
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
    try:
        yield Running(process, output)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(60)


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Running]]:
    with run(tmp_path_factory.mktemp("one")) as one, run(tmp_path_factory.mktemp("two")) as two:
        assert one.desk != two.desk
        yield one, two


def test_two_runs_have_readers_of_their_own(twice: tuple[Running, Running]) -> None:
    one, two = twice
    assert one.press("/insert", card="blocked-1", slot="0") == 303

    assert (one.state()["slots"], two.state()["slots"]) == (["blocked-1", None], [None, None])
    assert one.press("/pull", slot="0") == 303
    assert one.state()["slots"] == [None, None]


def test_a_page_elsewhere_presses_no_button_of_the_desk(twice: tuple[Running, Running]) -> None:
    one, _ = twice

    assert one.press("/insert", origin="http://example.org", card="blocked-1", slot="0") == 403
    assert httpx.get(f"{one.desk}/", headers={"Host": "example.org"}, timeout=PATIENCE).status_code == 400


def test_a_part_stopped_from_the_desk_is_named_and_started_again(
    twice: tuple[Running, Running],
) -> None:
    one, _ = twice
    one.press("/part", part="notifier", do="stop")
    wait_until("the stop", lambda: one.state()["parts"]["notifier"] is False, 30)  # type: ignore[index]
    one.press("/part", part="notifier", do="start")

    wait_until("the start", lambda: one.state()["parts"]["notifier"] is True, 30)  # type: ignore[index]
    assert "notifier stopped from the desk page" in one.text


def test_ctrl_c_and_sigkill_leave_no_process_behind(twice: tuple[Running, Running]) -> None:
    """The last test of this file: it ends both runs."""
    started = [psutil.Process(running.process.pid).children(recursive=True) for running in twice]
    assert min(map(len, started)) > 10
    stopped, killed = twice
    stopped.process.send_signal(signal.SIGINT)
    killed.process.kill()

    assert stopped.process.wait(60) == 0
    assert "Stopped." in stopped.text
    left = [process for of_one in started for process in of_one]
    wait_until("their end", lambda: not any(process.is_running() for process in left), PATIENCE)
