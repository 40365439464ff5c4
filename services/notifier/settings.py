"""What notifier reads from its environment."""

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.notifier.mail import SmtpService
from services.runtime.settings import KafkaSettings, ProcessSettings


class DatabaseSettings(BaseSettings):
    """All that `migrate` needs."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", case_sensitive=True, hide_input_in_errors=True
    )

    NOTIFIER_DATABASE_URL: str = Field(repr=False)


class CatchUpSettings(DatabaseSettings, KafkaSettings):
    """All that `catch-up` needs."""


class NotifierSettings(DatabaseSettings, ProcessSettings, KafkaSettings):
    """The settings of `serve`."""

    MAIL_TRANSPORTS: str = Field(
        "smtp", pattern="^(smtp|notify|smtp,notify|notify,smtp)$", description="in the order of preference"
    )
    SMTP_URL: str = Field("", pattern=r"^(smtps?://[^/@?#]+)?$", description="smtp:// or smtps://host:port")
    SMTP_TLS: str = Field(
        "required", pattern="^(required|offered)$", description="of smtp:// to other machines: STARTTLS"
    )
    SMTP_CA_FILE: Path | None = Field(None, description="PEM; whom the mail service's certificate is from")
    RETURN_ADDRESS: str = Field(
        "", pattern=r"^([^@\s<>+]+@[A-Za-z0-9.-]+)?$", description="mails may be returned to it, with a token"
    )
    RETURN_LISTEN_ADDRESS: str = Field(
        "", pattern=r"^(.+:\d+)?$", description="host:port of the SMTP listener for returned mails"
    )
    NOTIFY_URL: str = Field(
        "https://api.notifications.service.gov.uk", pattern=r"^(https://[^/]+|http://127\.0\.0\.1:\d+)$"
    )
    NOTIFY_API_KEY_FILE: Path | None = Field(None, description="the API key as Notify shows it")
    NOTIFY_TEMPLATE_ID: str = Field("", pattern=r"^([0-9a-f-]{36})?$", description="((subject)) and ((body))")
    IDENTITY_ADDRESS: str
    NOTIFIER_PRIVATE_KEY_FILE: Path
    WEB_ORIGIN: str = Field(
        pattern=r"^(https://[^/?#]+|http://(127\.0\.0\.1|localhost)(:\d+)?)$",
        description="where the page is that a mail names; as in web",
    )

    MAIL_FROM: str = Field("no-reply@example.org", pattern=r"^[^@\s<>]+@[A-Za-z0-9.-]+$")
    MAIL_TIME_ZONE: str = Field("Europe/London", description="in which the mail tells the time")

    @model_validator(mode="after")
    def _both_or_none(self) -> "NotifierSettings":
        if bool(self.RETURN_ADDRESS) != bool(self.RETURN_LISTEN_ADDRESS):
            raise ValueError("RETURN_ADDRESS and RETURN_LISTEN_ADDRESS: both or none")
        return self

    @model_validator(mode="after")
    def _each_transport_is_known(self) -> "NotifierSettings":
        if "smtp" in self.transports and not self.SMTP_URL:
            raise ValueError("SMTP_URL: needed for smtp in MAIL_TRANSPORTS")
        if "notify" in self.transports and not (self.NOTIFY_API_KEY_FILE and self.NOTIFY_TEMPLATE_ID):
            raise ValueError("NOTIFY_API_KEY_FILE, NOTIFY_TEMPLATE_ID: needed for notify in MAIL_TRANSPORTS")
        return self

    @property
    def transports(self) -> list[str]:
        """Mail services in the order of preference."""
        return self.MAIL_TRANSPORTS.split(",")

    @property
    def smtp(self) -> SmtpService:
        """The mail service and how it is trusted."""
        service = SmtpService(self.SMTP_URL, ca_file=self.SMTP_CA_FILE)
        return replace(service, tls_required=self.SMTP_TLS == "required" and not service.is_here)

    @field_validator("MAIL_TIME_ZONE")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (OSError, ValueError, KeyError):
            raise ValueError("no such time zone") from None
        return name
