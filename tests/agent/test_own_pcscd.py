"""A reader service of one's own: as many as one likes, gone when its owner is, nothing on the network."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.local.pcsc import OwnPcscd, PcscUnavailableError
from deploy.local.pcsc_inside import FIRST_PORT
from tests.agent.cards import new_card

pytestmark = pytest.mark.pcsc


def serves(pcsc: OwnPcscd) -> bool:
    """Whether the service answers a program of others that asks for its readers."""
    done = subprocess.run(
        ["opensc-tool", "--list-readers"],
        env={**os.environ, **pcsc.environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return "Virtual PCD 00 01" in done.stdout


def service_of(pcsc: OwnPcscd) -> int:
    return pid_in(pcsc.directory)


def pid_in(directory: Path) -> int:
    return int((directory / "run" / "pcscd.pid").read_text().strip("\n\0"))


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_two_at_once_do_not_meet(pcsc: OwnPcscd) -> None:
    pcsc.insert(new_card(pcsc))
    with OwnPcscd() as other:
        assert serves(pcsc)
        assert serves(other)
        assert other.card("state") == {"slots": [None, None]}
        assert service_of(pcsc) != service_of(other)


def test_nobody_on_the_network_can_insert_a_card(pcsc: OwnPcscd) -> None:
    for port in (FIRST_PORT, FIRST_PORT + 1):
        with socket.socket() as stranger:
            assert stranger.connect_ex(("127.0.0.1", port)) != 0


def test_a_stopped_one_leaves_nothing_behind() -> None:
    pcsc = OwnPcscd().start()
    service = service_of(pcsc)

    pcsc.stop()
    pcsc.stop()

    assert not runs(service)
    assert not pcsc.directory.exists()


def test_a_restarted_service_has_its_cards_again(pcsc: OwnPcscd) -> None:
    name = new_card(pcsc)
    pcsc.insert(name)
    before = service_of(pcsc)

    pcsc.restart_service()

    assert service_of(pcsc) != before
    assert serves(pcsc)
    assert pcsc.card("state")["slots"] == [name, None]


def test_it_ends_with_its_owner_however_that_ended() -> None:
    owner = subprocess.Popen([sys.executable, "-m", "deploy.local.pcsc"], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    directory = Path(owner.stdout.readline().strip().partition("=")[2]).parent.parent
    service = pid_in(directory)

    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()

    deadline = time.monotonic() + 30
    while runs(service) or directory.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_R10_a_machine_without_pcscd_says_so_in_one_line_and_how_to_mend_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(PcscUnavailableError, match=r"^PR20002 [^\n]*apt-get install pcscd[^\n]*$"):
        OwnPcscd().start()


def test_a_folder_whose_name_is_too_long_for_a_socket_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(PcscUnavailableError, match="too long"):
        OwnPcscd(tmp_path / ("x" * 100)).start()
