"""What otp reads from its environment."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.otp.domain import guess
from services.otp.domain.policy import Policy
from services.runtime.settings import KafkaSettings, ProcessSettings


def _none(value: Any) -> Any:
    """Read the word `none` as no limit."""
    return None if value == "none" else value


class DatabaseSettings(BaseSettings):
    """All that `migrate` needs."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", case_sensitive=True, hide_input_in_errors=True
    )

    OTP_DATABASE_URL: str = Field(repr=False)


class CatchUpSettings(DatabaseSettings, KafkaSettings):
    """All that `catch-up` needs."""


class OtpSettings(DatabaseSettings, ProcessSettings, KafkaSettings):
    """The settings of `serve`; times in seconds."""

    GRANT_SIGNING_KEY_FILE: Path
    GRANT_VERIFY_KEYS_DIR: Path
    OTP_CODE_KEY_FILE: Path
    OTP_CODE_OTHER_KEY_FILE: Path | None = Field(
        None, description="judges as well: the next key before it is taken, the last one for a lifetime after"
    )
    NOTIFIER_PUBLIC_KEY_FILE: Path

    CODE_DIGITS: int = Field(8, ge=7, le=10)
    CODE_LIFETIME: int = Field(900, ge=60, le=900, description="seconds; S1 says 15 minutes, ASVS 6.5.5 10")
    CODES_PER_SESSION: int = Field(3, ge=1, le=3)
    RESEND_AFTER: int = Field(60, ge=60, description="seconds")
    MAILS_PER_DAY: int = Field(6, ge=1, le=6)
    CODES_PER_CARD: int = Field(6, ge=1, le=6, description="in 24 h")
    CODES_PER_HOLDER: int = Field(12, ge=1, le=12, description="in 24 h")
    CODES_PER_NETWORK: int = Field(500, ge=1, description="in 24 h")
    CODES_PER_ORGANISATION: int = Field(2_000, ge=1, description="in 24 h")
    WRONG_PER_SESSION: int = Field(3, ge=1, le=3)
    WRONG_PER_DAY: int = Field(3, ge=1, le=3)
    WRONG_PER_YEAR: Annotated[int | None, BeforeValidator(_none)] = Field(9, ge=1)
    LOCK_COOL_OFF: Annotated[int | None, BeforeValidator(_none)] = Field(None, ge=60, description="seconds")
    ALARM_CARDS_OF_NETWORK: int = Field(10, ge=2, description="with a wrong entry within an hour")
    ALARM_CARDS_OF_ORGANISATION: int = Field(25, ge=2)
    ALARM_CARDS_EVERYWHERE: int = Field(250, ge=2)

    @property
    def policy(self) -> Policy:
        """The limits in force."""
        return Policy(
            digits=self.CODE_DIGITS,
            lifetime=timedelta(seconds=self.CODE_LIFETIME),
            codes_per_session=self.CODES_PER_SESSION,
            resend_after=timedelta(seconds=self.RESEND_AFTER),
            mails_per_day=self.MAILS_PER_DAY,
            codes_per_card=self.CODES_PER_CARD,
            codes_per_holder=self.CODES_PER_HOLDER,
            codes_per_network=self.CODES_PER_NETWORK,
            codes_per_organisation=self.CODES_PER_ORGANISATION,
            wrong_per_session=self.WRONG_PER_SESSION,
            wrong_per_day=self.WRONG_PER_DAY,
            wrong_per_year=self.WRONG_PER_YEAR,
            cool_off=None if self.LOCK_COOL_OFF is None else timedelta(seconds=self.LOCK_COOL_OFF),
            alarm_cards_of_network=self.ALARM_CARDS_OF_NETWORK,
            alarm_cards_of_organisation=self.ALARM_CARDS_OF_ORGANISATION,
            alarm_cards_everywhere=self.ALARM_CARDS_EVERYWHERE,
        )

    @model_validator(mode="after")
    def _hard_to_guess(self) -> "OtpSettings":
        """Refuse limits under which guessing pays. Source: quality S3."""
        if not guess.acceptable(self.policy):
            chance = float(guess.chance_a_year(self.policy))
            raise ValueError(f"a code could be guessed with a chance of {chance:.1e} a year; at most 1e-06")
        return self
