"""The real process: what it refuses to start with, and what it answers when everybody else is away."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from deploy.local.child import free_port, wait_until
from deploy.local.keys import Keys

PATIENCE = 60.0
"""Seconds for what is held to no time."""


def environment(keys: Keys, **more: str) -> dict[str, str]:
    nobody = "127.0.0.1:1"
    return {
        **os.environ,
        **keys.tls("web"),
        "WEB_COOKIE_KEY_FILE": str(keys.web_cookie),
        "IDENTITY_ADDRESS": nobody,
        "OTP_ADDRESS": nobody,
        "CARD_GATEWAY_ADDRESS": nobody,
        "AUDIT_ADDRESS": nobody,
        **more,
    }


def check_config(keys: Keys, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "services.web", "check-config"]
    return subprocess.run(command, env=environment(keys, **more), capture_output=True, text=True, check=False)


def test_an_unsafe_configuration_does_not_start(keys: Keys) -> None:
    judged = check_config(keys, WEB_ORIGIN="http://unlock.example.org")

    assert judged.returncode == 2
    assert "plain http is for loopback only" in judged.stderr
    assert "Traceback" not in judged.stderr


def test_a_cookie_key_of_another_length_is_refused(keys: Keys, static_files: Path, tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_bytes(b"too short")
    judged = check_config(keys, WEB_ORIGIN="http://127.0.0.1:8080", WEB_COOKIE_KEY_FILE=str(short))

    assert judged.returncode == 2
    assert "WEB_COOKIE_KEY_FILE" in judged.stderr


def test_F30_with_everybody_else_away_pages_answer_within_5_seconds(
    keys: Keys, static_files: Path, tmp_path: Path
) -> None:
    origin = f"http://127.0.0.1:{free_port()}"
    log = (tmp_path / "log").open("w+")
    command = [sys.executable, "-m", "services.web", "serve"]
    process = subprocess.Popen(command, env=environment(keys, WEB_ORIGIN=origin), stderr=log)
    try:
        wait_until("the pages", lambda: answers(origin) or process.poll() is not None, PATIENCE)
        began = time.monotonic()
        answer = httpx.get(f"{origin}/saved-hours", timeout=10)
        assert time.monotonic() - began <= 5.5
        assert answer.status_code == 503
        assert 'data-error-code="SERVICE_UNAVAILABLE"' in answer.text
        with httpx.Client(base_url=origin, timeout=PATIENCE) as client:
            assert client.get("/help/errors/ERR1009").status_code == 200
            assert client.get("/api/v1/openapi.json").json()["openapi"].startswith("3.1.")
            assert client.get("/api/v1/session").headers["www-authenticate"] == "Bearer"
        assert "server" not in answer.headers
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(PATIENCE)
    log.seek(0)
    lines = log.read().splitlines()
    assert code == 0
    assert all(line.startswith("{") for line in lines), lines
    assert any('"event": "ready"' in line for line in lines)


def answers(origin: str) -> bool:
    try:
        httpx.get(f"{origin}/health/ready", timeout=PATIENCE)
    except httpx.ConnectError:
        return False
    return True
