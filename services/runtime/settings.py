"""What every process reads from its environment: frozen, all bad variables told at once.

The only other readers of the environment are the services' own `settings.py`. Secrets are
never in it: a setting names the file that holds one.
"""

import sys
from pathlib import Path
from typing import TypeVar

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.runtime.brokers import Brokers
from services.runtime.grpc_tls import TlsFiles


class ProcessSettings(BaseSettings):
    """What every process of ours needs."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", case_sensitive=True, hide_input_in_errors=True
    )

    LOG_LEVEL: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    LISTEN_ADDRESS: str = Field("127.0.0.1:0", description="host:port of the mTLS gRPC listener")
    TLS_CA_FILE: Path
    TLS_CERT_FILE: Path
    TLS_KEY_FILE: Path

    @property
    def tls(self) -> TlsFiles:
        """The certificate files of this process."""
        return TlsFiles(self.TLS_CA_FILE, self.TLS_CERT_FILE, self.TLS_KEY_FILE)


class KafkaSettings(BaseSettings):
    """What a process needs that tells or hears events."""

    KAFKA_BOOTSTRAP_SERVERS: str
    KAFKA_TLS_CA_FILE: Path | None = Field(None, description="PEM; all three, or none for a plain connection")
    KAFKA_TLS_CERT_FILE: Path | None = None
    KAFKA_TLS_KEY_FILE: Path | None = None

    @model_validator(mode="after")
    def _all_files_or_none(self) -> "KafkaSettings":
        files = (self.KAFKA_TLS_CA_FILE, self.KAFKA_TLS_CERT_FILE, self.KAFKA_TLS_KEY_FILE)
        if any(files) and not all(files):
            raise ValueError("KAFKA_TLS_CA_FILE, KAFKA_TLS_CERT_FILE, KAFKA_TLS_KEY_FILE: all three or none")
        return self

    @property
    def brokers(self) -> Brokers:
        """Where the brokers are, and the certificate for them where there is one."""
        ca, certificate, key = self.KAFKA_TLS_CA_FILE, self.KAFKA_TLS_CERT_FILE, self.KAFKA_TLS_KEY_FILE
        files = TlsFiles(ca, certificate, key) if ca and certificate and key else None
        return Brokers(self.KAFKA_BOOTSTRAP_SERVERS, files)


S = TypeVar("S", bound=BaseSettings)

WRITTEN = frozenset({"AGENT_STATUS_FILE"})
"""Settings that name a file which the process itself makes."""


def load(kind: type[S]) -> S:
    """Read the settings, or end the process with 2 and a line for each bad variable."""
    settings, problems = read(kind)
    if settings is None:
        for name, problem in problems.items():
            print(f"{name}: {problem}", file=sys.stderr)
        raise SystemExit(2)
    return settings


def read(kind: type[S]) -> tuple[S | None, dict[str, str]]:
    """Return the settings, or None and what is wrong with each bad variable."""
    try:
        settings = kind()
    except ValidationError as error:
        return None, {".".join(map(str, each["loc"])): each["msg"] for each in error.errors()}
    problems = dict.fromkeys(_missing(settings), "no such file")
    return (None if problems else settings), problems


def _missing(settings: BaseSettings) -> list[str]:
    """Return the settings that name a file or folder to read which is not there."""
    there = {
        "_FILE": Path.is_file,
        "_KEY_DIR": Path.is_dir,
        "_KEYS_DIR": Path.is_dir,
        "_HEADS_DIR": Path.is_dir,
    }
    return [
        name
        for name, value in settings
        for ending, is_there in there.items()
        if name.endswith(ending) and name not in WRITTEN and value and not is_there(value)
    ]
