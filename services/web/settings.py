"""What the web process reads from its environment. Nothing unsafe by default."""

import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from services.runtime.settings import ProcessSettings

COOKIE_KEY_BYTES = 32


ORIGIN = r"https?://[^/,\s]+"


def is_loopback(host: str) -> bool:
    """True for an address that no other machine can reach."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class WebSettings(ProcessSettings):
    """Where the pages are, whom they ask, and the key of the cookie."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", case_sensitive=True, hide_input_in_errors=True
    )

    WEB_ORIGIN: str = Field(pattern=r"^https?://[^/]+$", description="as browsers see it, no path")
    LISTEN_ADDRESS: str = Field("", description="host:port of the pages; empty: that of WEB_ORIGIN")
    WEB_COOKIE_KEY_FILE: Path = Field(description="32 raw bytes")
    IDENTITY_ADDRESS: str
    OTP_ADDRESS: str
    CARD_GATEWAY_ADDRESS: str
    AUDIT_ADDRESS: str
    REPORT_PROBLEM_URL: str = Field(
        "mailto:service-desk@example.org", pattern=r"^(mailto:|https://)", description="R14"
    )
    API_ALLOWED_ORIGINS: str = Field(
        "",
        pattern=rf"^({ORIGIN}(,{ORIGIN})*)?$",
        description="websites whose pages may call the JSON API, with commas between; none by default",
    )
    WEB_TIME_ZONE: str = Field("Europe/London", description="in which an RA's pages tell the time")
    SECURITY_QUESTIONS: Literal["off", "required"] = Field(
        "off", description="required: the old service's registration; as in identity"
    )
    REMOTE_VOUCH: Literal["off", "two-colleagues"] = Field(
        "off",
        description="two-colleagues: they vouch from afar for a holder without usable mail; as in identity",
    )
    RA_CONTACT: str = Field("", max_length=200, description="shown where identity names no RA")
    SITES_FILE: Path | None = Field(None, description="CSV: network,name; mails name the reader's site by it")
    TRUSTED_HOPS: int = Field(0, ge=0, le=5, description="proxies of ours that add to X-Forwarded-For")

    @field_validator("WEB_TIME_ZONE")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("no such time zone") from error
        return name

    @model_validator(mode="after")
    def _plain_http_on_loopback_only(self) -> "WebSettings":
        host = urlsplit(self.WEB_ORIGIN).hostname or ""
        plain = self.WEB_ORIGIN.startswith("http://")
        if plain and not (is_loopback(host) and is_loopback(self.listen[0])):
            raise ValueError("WEB_ORIGIN: plain http is for loopback only")
        return self

    @model_validator(mode="after")
    def _other_origins_by_https(self) -> "WebSettings":
        for origin in self.api_origins:
            if origin.startswith("http://") and not is_loopback(urlsplit(origin).hostname or ""):
                raise ValueError("API_ALLOWED_ORIGINS: plain http is for loopback only")
        return self

    @property
    def time_zone(self) -> ZoneInfo:
        """The zone of WEB_TIME_ZONE."""
        return ZoneInfo(self.WEB_TIME_ZONE)

    @property
    def api_origins(self) -> tuple[str, ...]:
        """Websites, besides our own pages, that may call the JSON API from a browser."""
        return tuple(self.API_ALLOWED_ORIGINS.split(",")) if self.API_ALLOWED_ORIGINS else ()

    @property
    def asks_questions(self) -> bool:
        """True where holders register security questions and answer them; else their pages are not there."""
        return self.SECURITY_QUESTIONS == "required"

    @property
    def colleagues_vouch(self) -> bool:
        """True where colleagues vouch for a holder without mail; else their pages are not there."""
        return self.REMOTE_VOUCH == "two-colleagues"

    @property
    def https(self) -> bool:
        """True where browsers reach the pages by https."""
        return self.WEB_ORIGIN.startswith("https://")

    @property
    def listen(self) -> tuple[str, int]:
        """Host and port to listen on."""
        parts = urlsplit(f"//{self.LISTEN_ADDRESS}" if self.LISTEN_ADDRESS else self.WEB_ORIGIN)
        return parts.hostname or "127.0.0.1", parts.port if parts.port is not None else 443

    @property
    def listens_with_tls(self) -> bool:
        """True wherever another machine could listen in: then the process speaks TLS itself."""
        return not is_loopback(self.listen[0])

    def cookie_key(self) -> bytes:
        """Return the key of the cookie, or end the process with 2 where the file holds no such key."""
        try:
            key = self.WEB_COOKIE_KEY_FILE.read_bytes()
        except OSError:
            key = b""
        if len(key) != COOKIE_KEY_BYTES:
            print("WEB_COOKIE_KEY_FILE: not a file of 32 bytes", file=sys.stderr)
            raise SystemExit(2)
        return key
