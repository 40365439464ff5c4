"""What the person reads: plain words, each problem with its code, once."""

import io
import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.agent import messages
from services.agent.console import Console
from services.agent.facts import NO_SERVICE, ReaderState
from services.agent.ports import Doing, Pairing
from services.agent.status_file import StatusFile
from tests.unit.agent.world import ONE_CARD, PAIRING

WORDS = ("gecko", "ocean", "roof")


def console(origin: str = "") -> tuple[Console, io.StringIO, list[str]]:
    out, opened = io.StringIO(), list[str]()
    return Console(out, origin, opened.append), out, opened


def test_S38_the_browser_is_opened_once_by_the_agent_and_shows_the_words() -> None:
    window, out, opened = console()
    window.offered("s", PAIRING, WORDS, first=True)
    window.offered("s", PAIRING, WORDS, first=False)

    assert opened == [PAIRING.page_address]
    assert out.getvalue().count("gecko ocean roof") == 1
    assert "ABCD-EFGH" in out.getvalue()


def test_S38_a_page_elsewhere_is_not_opened() -> None:
    window, out, opened = console("https://unlock.example.org")
    window.offered("s", Pairing("https://evil.example/", "ABCD-EFGH", ""), WORDS, first=True)

    assert opened == []
    assert "evil.example" not in out.getvalue()
    assert "[PAGE_ADDRESS_REFUSED]" in out.getvalue()


def test_a_problem_is_told_once_as_long_as_it_lasts() -> None:
    window, out, _ = console()
    for _ in range(3):
        window.problem("GATEWAY_AWAY")

    assert out.getvalue().count("[GATEWAY_AWAY]") == 1


@pytest.mark.parametrize("state", [state for state in ReaderState if state is not ReaderState.CARD])
def test_R45_every_state_of_the_readers_has_its_sentence(state: ReaderState) -> None:
    assert messages.problem(state.value) != f"{messages.OTHER} [{state.value}]"


def test_R10_a_reader_service_that_is_down_carries_the_known_code() -> None:
    window, out, _ = console()
    window.readers(NO_SERVICE)

    assert "PR20002" in out.getvalue()


def test_a_closed_window_stops_nothing() -> None:
    window, out, _ = console()
    out.close()

    window.problem("NO_CARD")


def test_the_status_file_says_what_the_window_says(tmp_path: Path) -> None:
    window, _, _ = console()
    path = tmp_path / "status.json"
    status = StatusFile(path, window, "0.1.0", lambda: datetime(2026, 11, 21, tzinfo=UTC))
    status.readers(ONE_CARD)
    status.offered("session-1", PAIRING, WORDS, first=False)

    told = json.loads(path.read_text())
    assert (told["state"], told["session_id"], told["reader_state"]) == ("OFFERED", "session-1", "CARD")
    assert told["words"] == list(WORDS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    status.doing(Doing.CLAIMED)
    told = json.loads(path.read_text())
    assert (told["state"], told["page_address"], told["pairing_code"]) == ("CLAIMED", "", "")


def test_the_status_file_follows_the_page_that_began_anew(tmp_path: Path) -> None:
    window, _, _ = console()
    path = tmp_path / "status.json"
    status = StatusFile(path, window, "0.1.0", lambda: datetime(2026, 11, 21, tzinfo=UTC))
    status.spare("session-2", PAIRING, WORDS)
    assert json.loads(path.read_text())["spare"]["session_id"] == "session-2"

    status.begun_anew("session-2", WORDS)

    told = json.loads(path.read_text())
    assert (told["session_id"], told["spare"], told["words"]) == ("session-2", {}, list(WORDS))
