"""Plain HTTP is for loopback; everywhere else the process speaks TLS or does not start."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from services.web.settings import WebSettings


def settings(**named: Any) -> WebSettings:
    nobody, file = "127.0.0.1:1", Path("file")
    return WebSettings(
        WEB_COOKIE_KEY_FILE=file,
        TLS_CA_FILE=file,
        TLS_CERT_FILE=file,
        TLS_KEY_FILE=file,
        IDENTITY_ADDRESS=nobody,
        OTP_ADDRESS=nobody,
        CARD_GATEWAY_ADDRESS=nobody,
        AUDIT_ADDRESS=nobody,
        **named,
    )


@pytest.mark.parametrize(
    "bad",
    [
        {"WEB_ORIGIN": "http://unlock.example.org"},
        {"WEB_ORIGIN": "http://127.0.0.1:8080", "LISTEN_ADDRESS": "0.0.0.0:8080"},
        {"WEB_ORIGIN": "http://192.0.2.1:8080"},
        {"WEB_ORIGIN": "ftp://127.0.0.1"},
        {"WEB_ORIGIN": "https://unlock.example.org/path"},
        {"WEB_ORIGIN": "http://127.0.0.1:8080", "REPORT_PROBLEM_URL": "javascript:alert(1)"},
        {"WEB_ORIGIN": "http://127.0.0.1:8080", "WEB_TIME_ZONE": "Europe/Nowhere"},
        {"WEB_ORIGIN": "http://127.0.0.1:8080", "WEB_TIME_ZONE": "../etc/passwd"},
        {},
    ],
)
def test_an_unsafe_configuration_is_refused(bad: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        settings(**bad)


@pytest.mark.parametrize(
    ("good", "tls"),
    [
        ({"WEB_ORIGIN": "http://127.0.0.1:8080"}, False),
        ({"WEB_ORIGIN": "http://[::1]:8080"}, False),
        ({"WEB_ORIGIN": "https://unlock.example.org", "LISTEN_ADDRESS": "0.0.0.0:8443"}, True),
        ({"WEB_ORIGIN": "https://unlock.example.org", "LISTEN_ADDRESS": "127.0.0.1:8080"}, False),
    ],
)
def test_what_others_could_listen_to_is_encrypted(good: dict[str, str], tls: bool) -> None:
    assert settings(**good).listens_with_tls is tls
