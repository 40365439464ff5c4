"""notifier's settings, as check-config judges them."""

import argparse
from pathlib import Path

import pytest

from deploy.local.keys import Keys
from services.notifier.__main__ import check_config
from services.notifier.settings import NotifierSettings
from services.runtime.settings import load
from tests.ports.notifier.notify_server import KEY, SECRET, TEMPLATE

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
        "WEB_ORIGIN": "https://unlock.example.org",
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
        ("SMTP_TLS", "whatever"),
        ("RETURN_ADDRESS", "returns+x@example.org"),
        ("RETURN_LISTEN_ADDRESS", "25"),
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


@pytest.mark.parametrize(
    ("url", "tls", "required"),
    [
        ("smtp://mail.example.org:25", "required", True),
        ("smtp://mail.example.org:25", "offered", False),
        ("smtp://127.0.0.1:25", "required", False),
        ("smtp://localhost:25", "required", False),
        ("smtp://[::1]:25", "required", False),
        ("smtp://192.0.2.1:25", "required", True),
    ],
)
def test_S28_smtp_to_another_machine_needs_tls_unless_a_deployment_says_otherwise(
    settings: pytest.MonkeyPatch, url: str, tls: str, required: bool
) -> None:
    settings.setenv("SMTP_URL", url)
    settings.setenv("SMTP_TLS", tls)

    assert load(NotifierSettings).smtp.tls_required is required


def test_returned_mails_need_an_address_and_a_listener(settings: pytest.MonkeyPatch, capsys: Capture) -> None:
    settings.setenv("RETURN_ADDRESS", "returns@example.org")

    with pytest.raises(SystemExit, match="2"):
        check_config(argparse.Namespace())
    assert "both or none" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("transports", "missing", "named"),
    [
        ("notify", "NOTIFY_API_KEY_FILE", "NOTIFY_API_KEY_FILE"),
        ("smtp,notify", "NOTIFY_TEMPLATE_ID", "NOTIFY_TEMPLATE_ID"),
        ("notify,smtp", "SMTP_URL", "SMTP_URL"),
        ("pigeon", "", "MAIL_TRANSPORTS"),
    ],
)
def test_each_transport_needs_its_settings(
    settings: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path, transports: str, missing: str, named: str
) -> None:
    with_notify(settings, tmp_path, KEY)
    settings.setenv("MAIL_TRANSPORTS", transports)
    settings.delenv(missing, raising=False)

    with pytest.raises(SystemExit, match="2"):
        check_config(argparse.Namespace())
    assert named in capsys.readouterr().err


def test_notify_alone_needs_no_smtp_and_its_key_is_checked(
    settings: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path
) -> None:
    with_notify(settings, tmp_path, KEY)
    settings.setenv("MAIL_TRANSPORTS", "notify")
    settings.delenv("SMTP_URL")
    assert check_config(argparse.Namespace()) == 0

    with_notify(settings, tmp_path, SECRET)
    assert check_config(argparse.Namespace()) == 2
    told = capsys.readouterr().out
    assert "BadApiKey" in told
    assert SECRET not in told


def with_notify(settings: pytest.MonkeyPatch, folder: Path, key: str) -> None:
    (folder / "notify.key").write_text(key)
    settings.setenv("NOTIFY_API_KEY_FILE", str(folder / "notify.key"))
    settings.setenv("NOTIFY_TEMPLATE_ID", TEMPLATE)
