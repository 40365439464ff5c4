import os
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from deploy.local.keys import Keys
from services.otp.domain.policy import Policy
from services.otp.sealing import CodeKey, NotifierKey
from services.otp.settings import OtpSettings
from services.runtime.settings import load
from tests.fixtures.in_place import run_in_place


@pytest.fixture
def environment(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    variables = {
        **keys.tls("otp"),
        "OTP_DATABASE_URL": "sqlite+aiosqlite:///:memory:",
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "GRANT_SIGNING_KEY_FILE": str(keys.signing("otp")),
        "GRANT_VERIFY_KEYS_DIR": str(keys.verify_dir),
        "OTP_CODE_KEY_FILE": str(keys.otp_code),
        "NOTIFIER_PUBLIC_KEY_FILE": str(keys.notifier_public),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


def test_the_defaults_are_the_limits_of_the_sources(environment: dict[str, str]) -> None:
    assert load(OtpSettings).policy == Policy()


def test_limits_can_be_tightened(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODE_LIFETIME", "600")
    monkeypatch.setenv("LOCK_COOL_OFF", "86400")

    policy = load(OtpSettings).policy

    assert (policy.lifetime, policy.cool_off) == (timedelta(minutes=10), timedelta(days=1))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CODES_PER_CARD", "7"), ("CODES_PER_HOLDER", "13"), ("ALARM_CARDS_EVERYWHERE", "1"),
        ("CODE_DIGITS", "6"), ("CODE_DIGITS", "11"), ("WRONG_PER_YEAR", "none"), ("WRONG_PER_YEAR", "101"),
        ("CODE_LIFETIME", "901"), ("RESEND_AFTER", "59"), ("CODES_PER_SESSION", "4"), ("WRONG_PER_DAY", "4"),
        ("MAILS_PER_DAY", "7"), ("LOCK_COOL_OFF", "never"),
    ],
)  # fmt: skip
def test_S3_limits_that_break_a_rule_do_not_start(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as ended:
        load(OtpSettings)

    assert ended.value.code == 2
    assert capsys.readouterr().err


def check_config() -> subprocess.CompletedProcess[str]:
    return run_in_place("services.otp", "check-config", env=dict(os.environ))


def test_S3_check_config_says_how_likely_a_code_is_guessed(environment: dict[str, str]) -> None:
    checked = check_config()

    assert checked.returncode == 0, checked.stderr
    assert "9.0e-08" in checked.stdout
    assert "a holder of 11 cards stays within it" in checked.stdout


@pytest.mark.parametrize("digits", ["7", "8", "9", "10"])
def test_S3_a_code_has_7_to_10_digits(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, digits: str
) -> None:
    monkeypatch.setenv("CODE_DIGITS", digits)

    assert load(OtpSettings).policy.digits == int(digits)


def test_check_config_names_the_keys_and_shows_nothing_of_them(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "other.key"
    other.write_bytes(b"o" * 32)
    monkeypatch.setenv("OTP_CODE_OTHER_KEY_FILE", str(other))

    told = check_config().stdout

    newest, judge = (CodeKey.from_file(Path(environment["OTP_CODE_KEY_FILE"])), CodeKey.from_file(other))
    assert f"{newest.key_id} issues" in told
    assert judge.key_id in told
    assert "o" * 8 not in told
    assert (b"o" * 8).hex() not in told


def test_S3_check_config_refuses_what_could_be_guessed(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODE_DIGITS", "7")
    monkeypatch.setenv("WRONG_PER_YEAR", "11")

    checked = check_config()

    assert checked.returncode == 2
    assert "1.1e-06" in checked.stderr


def test_keys_of_another_kind_are_refused(keys: Keys, tmp_path: Path) -> None:
    short = tmp_path / "short.key"
    short.write_bytes(b"x" * 31)

    with pytest.raises(ValueError, match="at least 32"):
        CodeKey.from_file(short)
    with pytest.raises(ValueError, match="X25519"):
        NotifierKey.from_file(keys.verify_dir / "otp" / "otp-1.pem")
