"""notifier's settings, as check-config judges them."""

import argparse

import pytest

from deploy.local.keys import Keys
from services.notifier.__main__ import check_config

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def settings(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that is complete, to be changed."""
    environment = {
        **keys.tls("notifier"),
        "NOTIFIER_DATABASE_URL": "sqlite+aiosqlite:///none.db",
        "NOTIFIER_PRIVATE_KEY_FILE": str(keys.notifier_private),
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "IDENTITY_ADDRESS": "127.0.0.1:1",
        "SMTP_URL": "smtp://127.0.0.1:1",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_complete_settings_are_taken(settings: pytest.MonkeyPatch) -> None:
    assert check_config(argparse.Namespace()) == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SMTP_URL", "smtp://name:word@127.0.0.1:1"),  # pragma: allowlist secret
        ("SMTP_URL", "http://127.0.0.1:1"),
        ("MAIL_FROM", "a@example.org\nBcc: b@example.org"),
        ("MAIL_TIME_ZONE", "Europe/Nowhere"),
        ("MAIL_TIME_ZONE", "../etc/passwd"),
    ],
)
def test_a_bad_setting_is_named_and_its_value_is_not_shown(
    settings: pytest.MonkeyPatch, capsys: Capture, name: str, value: str
) -> None:
    settings.setenv(name, value)

    with pytest.raises(SystemExit, match="2"):
        check_config(argparse.Namespace())
    told = capsys.readouterr().err
    assert told.startswith(f"{name}:")
    assert value not in told


def test_a_key_of_another_kind_is_refused(settings: pytest.MonkeyPatch, keys: Keys, capsys: Capture) -> None:
    settings.setenv("NOTIFIER_PRIVATE_KEY_FILE", keys.tls("notifier")["TLS_KEY_FILE"])

    assert check_config(argparse.Namespace()) == 2
    assert "KeyFileWrong" in capsys.readouterr().out
