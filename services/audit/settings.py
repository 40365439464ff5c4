"""What audit's processes read from their environment."""

import re
import socket
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.audit.domain.saved_time import MINUTES_EACH
from services.runtime.settings import KafkaSettings, ProcessSettings


class DatabaseSettings(BaseSettings):
    """What every command needs."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", case_sensitive=True, hide_input_in_errors=True
    )

    AUDIT_DATABASE_URL: str = Field(repr=False)


class ReportSettings(DatabaseSettings):
    """What reports need."""

    SAVED_MINUTES_EACH: int = Field(MINUTES_EACH, ge=1, le=600, description="minutes of an unlock in person")


class RepairSettings(DatabaseSettings, KafkaSettings):
    """What `audit repair` needs."""


class TailSettings(KafkaSettings):
    """What `audit tail` needs: the right to read, and no database."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", case_sensitive=True, hide_input_in_errors=True
    )


class StoreSettings(ProcessSettings, DatabaseSettings, KafkaSettings):
    """What `audit store` needs."""

    @property
    def worker(self) -> str:
        """The name of this worker's place, the same after a restart; empty where the port is any."""
        host, _, port = self.LISTEN_ADDRESS.rpartition(":")
        return "" if port == "0" else re.sub(r"[^A-Za-z0-9._-]", "-", f"{socket.gethostname()}-{host}-{port}")


class SequencerSettings(ProcessSettings, DatabaseSettings, KafkaSettings):
    """What `audit sequencer` needs."""

    AUDIT_LOG_KEY_FILE: Path = Field(description="PEM, Ed25519: signs the heads of the log")
    AUDIT_LOG_ORIGIN: str = Field(
        "unlock.example.org/audit",
        pattern=r"^[!-*,-~]{1,128}$",
        description="the log's name in its heads, for ever; no space, no plus (C2SP tlog-checkpoint)",
    )
    AUDIT_HEADS_DIR: Path | None = Field(
        None, description="folder for heads, each written once; none: topic only"
    )


class ReaderSettings(ProcessSettings, ReportSettings):
    """What `audit reader` needs."""

    GRANT_VERIFY_KEYS_DIR: Path = Field(description="folder `<issuer>/<kid>.pem`: public keys of grants")
