"""What the agent reads from its environment. Secrets are never in it."""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


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
    TLS_CA_FILE: Path = Field(description="PEM: the authority that signed the gateway's certificate")
    GATEWAY_NAME: str = Field(min_length=1, max_length=64, description="goes into every digest a card signs")
    WEB_ORIGIN: str = Field("", description="only pages below it are shown and opened; empty: see addresses")
    OPEN_BROWSER: Literal["yes", "no"] = "no"
    AGENT_STATE_DIR: Path = Field(default_factory=_state_dir, description="0700; one agent each")
    AGENT_STATUS_FILE: Path | None = Field(None, description="JSON for another program; none: not written")
