"""What notifier reads from its environment."""

from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.runtime.settings import KafkaSettings, ProcessSettings


class DatabaseSettings(BaseSettings):
    """All that `migrate` needs."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", case_sensitive=True, hide_input_in_errors=True
    )

    NOTIFIER_DATABASE_URL: str = Field(repr=False)


class NotifierSettings(DatabaseSettings, ProcessSettings, KafkaSettings):
    """The settings of `serve`."""

    SMTP_URL: str = Field(pattern=r"^smtps?://[^/@?#]+$", description="smtp://host:port or smtps://host:port")
    IDENTITY_ADDRESS: str
    NOTIFIER_PRIVATE_KEY_FILE: Path

    MAIL_FROM: str = Field("no-reply@example.org", pattern=r"^[^@\s<>]+@[A-Za-z0-9.-]+$")
    MAIL_TIME_ZONE: str = Field("Europe/London", description="in which the mail tells the time")

    @field_validator("MAIL_TIME_ZONE")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (OSError, ValueError, KeyError):
            raise ValueError("no such time zone") from None
        return name
