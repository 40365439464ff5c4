"""What the gateway refuses to start with."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from services.card_gateway.settings import Settings


def settings(folder: Path, **more: Any) -> Settings:
    return Settings(
        **{
            "CARD_GATEWAY_DATABASE_URL": "sqlite+aiosqlite://",
            "CARD_MASTER_KEY_DIR": folder,
            "CARD_MASTER_KID": "k1",
            "GATEWAY_NAME": "test",
            "WEB_ORIGIN": "https://unlock.example.org",
            "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
            **dict.fromkeys(("TLS_CA_FILE", "TLS_CERT_FILE", "TLS_KEY_FILE"), folder),
            **dict.fromkeys(("GRANT_SIGNING_KEY_FILE", "GRANT_VERIFY_KEYS_DIR"), folder),
            **more,
        }
    )


def test_S26_enrolled_agents_need_an_authority(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="AGENTS=enrolled needs AGENT_CA_FILE"):
        settings(tmp_path, AGENTS="enrolled")

    assert settings(tmp_path, AGENTS="enrolled", AGENT_CA_FILE=tmp_path).agent_ca == tmp_path


def test_with_agents_of_any_kind_no_authority_is_asked(tmp_path: Path) -> None:
    assert settings(tmp_path, AGENT_CA_FILE=tmp_path).agent_ca is None


@pytest.mark.parametrize("wrong", [{"AGENTS": "some"}, {"PIN_ENTRY": "both"}])
def test_a_word_that_is_none_of_the_choices_is_refused(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        settings(tmp_path, **wrong)
