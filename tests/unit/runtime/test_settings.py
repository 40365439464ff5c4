"""A wrong setting is named, all at once, and the process ends with 2 before it serves."""

from pathlib import Path

import pytest
from pydantic import Field

from services.runtime.settings import ProcessSettings, load

FILES = ("TLS_CA_FILE", "TLS_CERT_FILE", "TLS_KEY_FILE")


class Settings(ProcessSettings):
    GRANT_VERIFY_KEYS_DIR: Path
    AGENT_STATUS_FILE: Path | None = Field(None)


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in FILES:
        (tmp_path / name).touch()
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("GRANT_VERIFY_KEYS_DIR", str(tmp_path))
    monkeypatch.setenv("AGENT_STATUS_FILE", str(tmp_path / "not-yet"))
    return tmp_path


@pytest.mark.usefixtures("environment")
def test_files_that_are_there_and_a_file_to_be_written_are_good() -> None:
    assert load(Settings).tls.ca.name == "TLS_CA_FILE"


def test_every_file_that_is_not_there_is_named(environment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (environment / "TLS_CA_FILE").unlink()
    (environment / "TLS_KEY_FILE").unlink()

    with pytest.raises(SystemExit) as ended:
        load(Settings)

    assert ended.value.code == 2
    assert capsys.readouterr().err == "TLS_CA_FILE: no such file\nTLS_KEY_FILE: no such file\n"


@pytest.mark.usefixtures("environment")
def test_every_wrong_value_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    monkeypatch.delenv("TLS_CERT_FILE")

    with pytest.raises(SystemExit) as ended:
        load(Settings)

    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert "LOG_LEVEL: " in said
    assert "TLS_CERT_FILE: " in said
    assert "LOUD" not in said
