"""What the agent reads from its environment. Secrets are never in it."""

import os
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

MACHINE_FILE = Path("/etc/smartcard-unlock/agent.env")
"""Settings that IT gives to every account of a machine: NAME=value lines."""
PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "grpc_proxy", "NO_PROXY", "no_proxy")


def _state_dir() -> Path:
    """Return the person's own run-time folder, emptied at logout where the system has such a thing."""
    base = os.environ.get("XDG_RUNTIME_DIR") or Path.home() / ".local" / "state"
    return Path(base) / "smartcard-unlock"


class AgentSettings(BaseSettings):
    """One workstation's configuration."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", case_sensitive=True, hide_input_in_errors=True
    )

    LOG_LEVEL: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    CARD_GATEWAY_ADDRESS: str = Field(pattern=r"^\S+:\d+$", description="host:port of the agents' listener")
    CARD_GATEWAY_HTTPS_ADDRESS: str = Field(
        "", pattern=r"^(\S+:\d+)?$", description="host:port of its HTTPS/1.1 listener; empty: none"
    )
    CARD_GATEWAY_TRANSPORT: Literal["auto", "grpc", "https"] = "auto"
    HTTPS_PROXY: str = Field(
        "",
        pattern=r"^((https?://)?[^/\s]+/?)?$",
        validation_alias=AliasChoices("HTTPS_PROXY", "https_proxy"),
        repr=False,
        description="may hold a password",
    )
    NO_PROXY: str = Field("", validation_alias=AliasChoices("NO_PROXY", "no_proxy"))
    TLS_CA_FILE: Path = Field(description="PEM: the authority that signed the gateway's certificate")
    AGENT_CERT_FILE: Path | None = Field(
        None, description="PEM: this workstation's own, where the gateway takes enrolled ones only"
    )
    AGENT_KEY_FILE: Path | None = Field(None, description="PEM: its key")
    GATEWAY_NAME: str = Field(min_length=1, max_length=64, description="goes into every digest a card signs")
    WEB_ORIGIN: str = Field("", description="only pages below it are shown and opened; empty: see addresses")
    PIN_ENTRY: Literal["page", "agent"] = Field(
        "page", description="agent: no passcode that comes sealed from a page is accepted"
    )
    OPEN_BROWSER: Literal["yes", "no"] = "no"
    AGENT_WINDOW: Literal["auto", "console"] = Field(
        "auto", description="auto: a window if there is a screen"
    )
    AGENT_STATE_DIR: Path = Field(default_factory=_state_dir, description="0700; one agent each")
    AGENT_STATUS_FILE: Path | None = Field(None, description="JSON for another program; none: not written")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the environment, then the account's own file, then the machine's.

        A program that a browser or a desktop starts has none of our variables in its environment.
        """
        files = (own_file(), MACHINE_FILE)
        return (init_settings, env_settings, *(DotEnvSettingsSource(settings_cls, file) for file in files))

    @model_validator(mode="after")
    def _way_exists(self) -> "AgentSettings":
        if self.CARD_GATEWAY_TRANSPORT == "https" and not self.CARD_GATEWAY_HTTPS_ADDRESS:
            raise ValueError("CARD_GATEWAY_TRANSPORT=https needs CARD_GATEWAY_HTTPS_ADDRESS")
        if bool(self.AGENT_CERT_FILE) is not bool(self.AGENT_KEY_FILE):
            raise ValueError("AGENT_CERT_FILE and AGENT_KEY_FILE: both or none")
        over_grpc = self.CARD_GATEWAY_TRANSPORT == "grpc" or not self.CARD_GATEWAY_HTTPS_ADDRESS
        if over_grpc and self.HTTPS_PROXY.startswith("https:"):  # gRPC would go past it
            raise ValueError("a proxy of https:// needs CARD_GATEWAY_HTTPS_ADDRESS, and not grpc alone")
        return self


def config_home() -> Path:
    """Return an account's folder for configuration. Source: XDG Base Directory Specification."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


def data_home() -> Path:
    """Return an account's folder for data, such as the entries of its desktop."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")


def own_file() -> Path:
    """Return where an account keeps settings of its own."""
    return config_home() / "smartcard-unlock" / "agent.env"


def reader_socket() -> Path:
    """Return where the PC/SC library of Linux looks for its service."""
    return Path(os.environ.get("PCSCLITE_CSOCK_NAME") or "/run/pcscd/pcscd.comm")


def proxies() -> dict[str, str]:
    """Return the proxies that are set: host and port of each, never a user or a password."""
    found = {name: os.environ[name] for name in PROXIES if os.environ.get(name)}
    return {name: "set" if name.lower() == "no_proxy" else _host_and_port(url) for name, url in found.items()}


def _host_and_port(url: str) -> str:
    try:
        parts = urlsplit(url if "://" in url else f"//{url}")
        return f"{parts.hostname}:{parts.port}" if parts.port else f"{parts.hostname}"
    except ValueError:
        return "not an address"
