"""What identity reads from its environment."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.runtime.settings import KafkaSettings, ProcessSettings


class DatabaseSettings(BaseSettings):
    """All that `migrate` and `import` need."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", case_sensitive=True, hide_input_in_errors=True
    )

    IDENTITY_DATABASE_URL: str = Field(repr=False)


class CatchUpSettings(DatabaseSettings, KafkaSettings):
    """All that `catch-up` needs."""


class IdentitySettings(DatabaseSettings, ProcessSettings, KafkaSettings):
    """The settings of `serve`."""

    CHANGE_NEEDS_CODE: bool = Field(False, description="a CHANGE needs a mailed code too; as in card_gateway")
    SECURITY_QUESTIONS: Literal["off", "required"] = Field(
        "off", description="required: the old service's registration; as in web"
    )
    RA_ADDRESSES_PER_DAY: int = Field(50, ge=1, description="that one RA may set for holders in 24 h")
    SECOND_RA: Literal["off", "required"] = Field(
        "off", description="an address that an RA adds waits for another RA to confirm it"
    )
    REMOTE_VOUCH: Literal["off", "two-colleagues"] = Field(
        "off", description="two colleagues may vouch for a holder without usable mail; as in card_gateway"
    )
    GRANT_SIGNING_KEY_FILE: Path
    GRANT_VERIFY_KEYS_DIR: Path

    @property
    def remote_vouch(self) -> bool:
        """Whether colleagues may vouch from afar."""
        return self.REMOTE_VOUCH == "two-colleagues"
