"""The probe of deploy/k8s against a real mTLS server: yes to the right process that serves, else no."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.keys import Keys, make_keys
from services.runtime.grpc_server import Server, build_server
from services.runtime.grpc_tls import TlsFiles
from services.runtime.probe import main


def tls_of(keys: Keys, process: str) -> TlsFiles:
    files = keys.tls(process)
    return TlsFiles(*(Path(files[name]) for name in ("TLS_CA_FILE", "TLS_CERT_FILE", "TLS_KEY_FILE")))


def mounted(folder: Path, keys: Keys, process: str) -> Path:
    """A Kubernetes TLS secret as a pod sees it."""
    folder.mkdir()
    tls = tls_of(keys, process)
    for source, name in ((tls.ca, "ca.crt"), (tls.certificate, "tls.crt"), (tls.key, "tls.key")):
        shutil.copy(source, folder / name)
    return folder


@pytest.fixture
async def otp(keys: Keys) -> AsyncIterator[Server]:
    server = build_server("otp", [], {}, tls_of(keys, "otp"), "127.0.0.1:0")
    await server.start()
    yield server
    await server.stop(0)


async def asked(process: str, port: int, folder: Path) -> int:
    return await asyncio.to_thread(main, [process, f"127.0.0.1:{port}", str(folder)])


async def test_a_process_that_serves_is_ready(otp: Server, keys: Keys, tmp_path: Path) -> None:
    folder = mounted(tmp_path / "tls", keys, "otp")

    command = [sys.executable, "-m", "services.runtime.probe", "otp", f"127.0.0.1:{otp.port}", str(folder)]
    probe = await asyncio.create_subprocess_exec(*command, env={})
    assert await asyncio.wait_for(probe.wait(), 30) == 0


async def test_another_process_at_the_address_is_not(otp: Server, keys: Keys, tmp_path: Path) -> None:
    assert await asked("identity", otp.port, mounted(tmp_path / "tls", keys, "identity")) == 1


async def test_S26_a_certificate_of_another_authority_is_not(otp: Server, tmp_path: Path) -> None:
    foreign = make_keys(tmp_path / "foreign")

    assert await asked("otp", otp.port, mounted(tmp_path / "tls", foreign, "otp")) == 1


async def test_F29_a_process_that_stops_is_not(otp: Server, keys: Keys, tmp_path: Path) -> None:
    await otp.stop(0)

    assert await asked("otp", otp.port, mounted(tmp_path / "tls", keys, "otp")) == 1


async def test_a_wrong_command_line_is_told_apart() -> None:
    assert main(["otp"]) == 2
