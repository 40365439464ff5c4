"""`doctor` as a person runs it, with a real reader service and a gateway at the end of a wire."""

import asyncio
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.local.child import free_port, wait_until
from deploy.local.keys import Keys, issue, make_keys
from deploy.local.pcsc import OwnPcscd
from services.agent.doctor.examination import LONGEST_SECONDS
from services.agent.doctor.gateway import GatewayExamination
from services.agent.settings import AgentSettings
from services.runtime.clock import SystemClock
from services.runtime.randomness import SystemRandomness
from tests.agent.cards import cards_seen, new_card
from tests.agent.gateway import ScriptedGateway
from tests.fakes.proxy import ConnectProxy

pytestmark = pytest.mark.pcsc
NOBODY = 65534


@pytest.fixture
def environment(pcsc: OwnPcscd, keys: Keys, gateway: ScriptedGateway, tmp_path: Path) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return own | pcsc.environment | {
        "CARD_GATEWAY_ADDRESS": gateway.address,
        "TLS_CA_FILE": str(keys.ca),
        "GATEWAY_NAME": "test",
        "AGENT_STATE_DIR": str(tmp_path / "state"),
    }  # fmt: skip


async def doctor(
    environment: dict[str, str], *words: str, before: tuple[str, ...] = ()
) -> tuple[int, dict[str, str]]:
    """Run it; return its exit status and the code, or else the level, of each check."""
    run = await asyncio.create_subprocess_exec(
        *before, sys.executable, "-m", "services.agent", "doctor", "--json", *words,
        env=environment, stdout=subprocess.PIPE,
    )  # fmt: skip
    out, _ = await asyncio.wait_for(run.communicate(), LONGEST_SECONDS)
    assert run.returncode is not None
    checks = json.loads(out)["checks"]
    return run.returncode, {check["check"]: check["code"] or check["level"] for check in checks}


async def test_a_desk_in_order_has_nothing_to_mend(
    pcsc: OwnPcscd, environment: dict[str, str], tmp_path: Path
) -> None:
    pcsc.insert(new_card(pcsc, blocked=False))
    wait_until("the service to see the card", lambda: cards_seen() == 1, 30)

    status, found = await doctor(environment, "--bundle", str(tmp_path / "b.zip"))

    assert status == 0
    assert set(found.values()) == {"ok"}
    assert {"settings", "state folder", "reader service", "card", "gateway TLS", "clock", "version"} <= set(
        found
    )
    assert "doctor.json" in zipfile.ZipFile(tmp_path / "b.zip").namelist()


async def test_R10_a_stopped_service_is_not_running(pcsc: OwnPcscd, environment: dict[str, str]) -> None:
    pcsc.stop_service()
    status, found = await doctor(environment)
    pcsc.start_service()

    assert (status, found["reader service"], found["card"]) == (1, "PR20002_NOT_RUNNING", "not checked")
    assert found["gateway"] == "ok"


async def test_R10_a_frozen_service_hangs_and_the_rest_is_checked(
    pcsc: OwnPcscd, environment: dict[str, str]
) -> None:
    pcsc.freeze_service()
    status, found = await doctor(environment)
    pcsc.thaw_service()

    assert (status, found["reader service"]) == (1, "PR20002_HANGS")
    assert found["version"] == "ok"


async def test_R10_a_socket_that_is_not_for_us_is_no_permission(
    pcsc: OwnPcscd, environment: dict[str, str]
) -> None:
    setpriv = shutil.which("setpriv")
    assert setpriv is not None
    less = "-dac_override,-dac_read_search"
    run = pcsc.directory / "run"
    mode, owner = run.stat().st_mode, run.stat().st_uid
    os.chown(run, NOBODY, -1)
    run.chmod(0o700)

    status, found = await doctor(
        environment, before=(setpriv, f"--bounding-set={less}", f"--inh-caps={less}")
    )

    os.chown(run, owner, -1)
    run.chmod(mode)
    assert (status, found["reader service"]) == (1, "PR20002_NO_PERMISSION")


async def test_R45_two_cards_are_told(pcsc: OwnPcscd, environment: dict[str, str]) -> None:
    pcsc.insert(new_card(pcsc), 0)
    pcsc.insert(new_card(pcsc), 1)
    wait_until("the service to see two cards", lambda: cards_seen() == 2, 30)

    status, found = await doctor(environment)

    assert (status, found["card"]) == (1, "TWO_CARDS")


async def test_a_wrong_clock_is_told(environment: dict[str, str], gateway: ScriptedGateway) -> None:
    gateway.ahead = timedelta(minutes=5)
    status, found = await doctor(environment)

    assert (status, found["clock"], found["card"]) == (1, "CLOCK_WRONG", "NO_CARD")


@pytest.mark.parametrize("transport", ["https", "auto"])
async def test_where_only_https_gets_through_that_door_is_looked_at(
    environment: dict[str, str], gateway: ScriptedGateway, transport: str
) -> None:
    shut = f"127.0.0.1:{free_port()}"
    https = {"CARD_GATEWAY_HTTPS_ADDRESS": gateway.https_address, "CARD_GATEWAY_TRANSPORT": transport}
    _, found = await doctor(environment | {"CARD_GATEWAY_ADDRESS": shut} | https)

    assert {found[check] for check in found if check.startswith("gateway")} == {"ok"}


async def test_both_doors_shut_is_told(environment: dict[str, str]) -> None:
    shut = {
        name: f"127.0.0.1:{free_port()}" for name in ("CARD_GATEWAY_ADDRESS", "CARD_GATEWAY_HTTPS_ADDRESS")
    }
    status, found = await doctor(environment | shut)

    assert (status, found["gateway connection"]) == (1, "GATEWAY_UNREACHABLE")
    assert found["gateway"] == "not checked"


async def test_missing_settings_are_named_and_the_reader_is_looked_at_all_the_same(
    environment: dict[str, str],
) -> None:
    del environment["CARD_GATEWAY_ADDRESS"]
    status, found = await doctor(environment)

    assert (status, found["settings"]) == (1, "SETTINGS_BAD")
    assert (found["reader"], found["gateway"]) == ("ok", "not checked")


@pytest.mark.parametrize("refuses", [0, 407])
async def test_behind_a_proxy_it_looks_through_the_proxy(
    environment: dict[str, str], gateway: ScriptedGateway, refuses: int
) -> None:
    async with ConnectProxy() as proxy:
        proxy.refuses = refuses
        there = gateway.address.replace("127.0.0.1", "gateway.example.org")
        status, found = await doctor({**environment, "CARD_GATEWAY_ADDRESS": there, "HTTPS_PROXY": proxy.url})

    assert found["proxy"] == "PROXY_SEEN"
    assert found["gateway"] == ("PROXY_WANTS_LOGIN" if refuses else "ok")
    assert found["gateway name"] == "not checked"
    assert (status == 0) == (not refuses)


def examined(address: str, ca: Path) -> dict[str, str]:
    settings = AgentSettings(CARD_GATEWAY_ADDRESS=address, TLS_CA_FILE=ca, GATEWAY_NAME="test")
    looking = GatewayExamination(settings, "0.1.0", SystemClock().now, SystemRandomness())
    return {finding.check: finding.code or finding.level.value for finding in looking.findings()}


def first_fault(address: str, ca: Path) -> str:
    return next(code for code in examined(address, ca).values() if code != "ok")


@contextmanager
def tls_server(certificate: bytes, key: bytes, folder: Path) -> Iterator[str]:
    (folder / "c.pem").write_bytes(certificate + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "c.pem")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_shake, args=(listening, context), daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def _shake(listening: socket.socket, context: ssl.SSLContext) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listening.accept()
            with suppress(OSError):
                context.wrap_socket(connection, server_side=True).close()


def test_a_name_without_an_address_is_told(keys: Keys) -> None:
    assert first_fault("a" * 64 + ".example.org:1", keys.ca) == "GATEWAY_NAME_UNKNOWN"


def test_a_port_where_nobody_listens_is_told(keys: Keys) -> None:
    found = examined(f"127.0.0.1:{free_port()}", keys.ca)

    assert found["gateway connection"] == "GATEWAY_UNREACHABLE"
    assert found["gateway TLS"] == "not checked"


def test_S27_an_authority_that_is_not_ours_is_told(keys: Keys, tmp_path: Path) -> None:
    others = make_keys(tmp_path / "others")
    with tls_server(*issue(others, "card_gateway"), tmp_path) as address:
        assert first_fault(address, keys.ca) == "GATEWAY_CA_UNKNOWN"


def test_S27_another_name_is_told(keys: Keys, tmp_path: Path) -> None:
    with tls_server(*issue(keys, "web"), tmp_path) as address:
        assert first_fault(address, keys.ca) == "GATEWAY_NAME_WRONG"


@pytest.mark.parametrize(("days", "code"), [(-400, "GATEWAY_CERTIFICATE_EXPIRED"), (400, "CLOCK_WRONG")])
def test_S27_a_certificate_of_another_time_is_told(keys: Keys, tmp_path: Path, days: int, code: str) -> None:
    now = datetime.now(UTC) + timedelta(days=days)
    with tls_server(*issue(keys, "card_gateway", now=now), tmp_path) as address:
        assert first_fault(address, keys.ca) == code


def test_what_speaks_no_tls_is_told(keys: Keys) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            with suppress(OSError):
                connection, _ = listening.accept()
                connection.recv(4096)  # closed with something unread, it would be reset instead
                connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")
                connection.close()

        threading.Thread(target=answer, daemon=True).start()
        assert first_fault(f"127.0.0.1:{listening.getsockname()[1]}", keys.ca) == "GATEWAY_NOT_TLS"


def test_a_file_without_a_certificate_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        assert first_fault(address, tmp_path / "ca.pem") == "CA_FILE_BAD"


async def test_a_gateway_that_refuses_is_told(gateway: ScriptedGateway, keys: Keys) -> None:
    gateway.refused_attaches = 9

    found = await asyncio.to_thread(examined, gateway.address, keys.ca)

    assert (found["gateway"], found["clock"]) == ("GATEWAY_REFUSES", "not checked")
