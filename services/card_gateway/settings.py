"""What card_gateway reads from its environment."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings

from services.card_gateway.domain.budget import FAILED_IN_WINDOW, FLOOR, FULL, Budget
from services.card_gateway.domain.pairing import MOST_ON_OFFER
from services.card_gateway.hsm import TokenAddress
from services.card_gateway.master_keys import Newest
from services.runtime.settings import KafkaSettings, ProcessSettings


class DatabaseSettings(BaseSettings):
    """All that `migrate` needs."""

    CARD_GATEWAY_DATABASE_URL: str = Field(repr=False)


class MasterKeySettings(BaseSettings):
    """Where the master keys are: in files or in an HSM."""

    CARD_MASTER_KEY_DIR: Path | None = Field(None, description="<kid>.key, 32 raw bytes each")
    CARD_MASTER_PKCS11_MODULE: Path | None = Field(None, description="an HSM instead: the vendor's library")
    CARD_MASTER_PKCS11_TOKEN_LABEL: str | None = Field(None, min_length=1, max_length=32)
    CARD_MASTER_PKCS11_PIN_FILE: Path | None = None

    @model_validator(mode="after")
    def _files_or_hsm(self) -> "MasterKeySettings":
        hsm = (
            self.CARD_MASTER_PKCS11_MODULE,
            self.CARD_MASTER_PKCS11_TOKEN_LABEL,
            self.CARD_MASTER_PKCS11_PIN_FILE,
        )
        if any(hsm) == bool(self.CARD_MASTER_KEY_DIR) or (any(hsm) and not all(hsm)):
            raise ValueError(
                "CARD_MASTER_KEY_DIR, or all of CARD_MASTER_PKCS11_MODULE, _TOKEN_LABEL, _PIN_FILE instead"
            )
        return self

    @property
    def token(self) -> TokenAddress | None:
        """The HSM's token; None where the keys are files."""
        module, label, pin = (
            self.CARD_MASTER_PKCS11_MODULE,
            self.CARD_MASTER_PKCS11_TOKEN_LABEL,
            self.CARD_MASTER_PKCS11_PIN_FILE,
        )
        return TokenAddress(module, label, pin) if module and label and pin else None


class CatchUpSettings(DatabaseSettings, KafkaSettings):
    """All that `vault catch-up` needs: no key, since it moves versions and never sees a secret."""


class VaultSettings(MasterKeySettings, DatabaseSettings):
    """All that `import` and `vault` need."""

    CARD_MASTER_KID_FILE: Path | None = Field(None, description="names the newest key; read again and again")
    CARD_MASTER_KID: str | None = Field(None, min_length=1, max_length=64, description="or its name")

    @model_validator(mode="after")
    def _one_names_the_newest(self) -> "VaultSettings":
        if bool(self.CARD_MASTER_KID_FILE) == bool(self.CARD_MASTER_KID):
            raise ValueError("CARD_MASTER_KID_FILE or CARD_MASTER_KID: one of the two")
        return self

    @property
    def newest(self) -> Newest:
        """Which master key is the newest."""
        return self.CARD_MASTER_KID_FILE or str(self.CARD_MASTER_KID)


class Settings(VaultSettings, ProcessSettings, KafkaSettings):
    """The settings of `serve`; files hold the secrets."""

    AGENT_LISTEN_ADDRESS: str = Field("127.0.0.1:0", description="host:port of the agents' TLS listener")
    AGENT_HTTPS_LISTEN_ADDRESS: str = Field(
        "",
        pattern=r"^(\S+:\d+)?$",
        description="host:port of the agents' HTTPS/1.1 listener, for where HTTP/2 is spoilt; empty: none",
    )
    AGENT_HTTPS_CONNECTIONS: int = Field(
        4_000, ge=10, le=100_000, description="HTTPS/1.1 connections at once; an agent that waits has two"
    )
    TRUSTED_HOPS: int = Field(0, ge=0, le=5, description="proxies of ours that add to X-Forwarded-For")
    ATTACH_BURST: int = Field(1_000, ge=1, description="workstations of one network that may attach at once")
    ATTACH_PER_SECOND: float = Field(20.0, gt=0, le=10_000, description="and then, for each network")
    MOST_ON_OFFER: int = Field(
        100_000, ge=1, le=MOST_ON_OFFER, description="workstations that wait for a page at once, in all"
    )
    BUDGET_TRIES_FLOOR: int = Field(
        FLOOR, ge=FLOOR, le=FULL, description="believed tries of a card's secret below which nothing is sent"
    )
    BUDGET_FAILED_RESETS: int = Field(
        FAILED_IN_WINDOW, ge=1, le=FAILED_IN_WINDOW, description="failed resets of a card in 24 hours"
    )
    BUDGET_USES_KEPT: int = Field(
        1, ge=1, description="uses left to the issuer, of cards whose secret can be used so often in all"
    )
    AGENTS: Literal["any", "enrolled"] = Field(
        "any", description="enrolled: an agent must show a certificate for agent/<name>"
    )
    AGENT_CA_FILE: Path | None = Field(
        None, description="PEM: the authorities that sign enrolled agents' certificates"
    )
    GATEWAY_NAME: str = Field(
        min_length=1, max_length=64, description="signed by cards; agents have the same"
    )
    WEB_ORIGIN: str = Field(pattern=r"^https?://[^/]+$", description="what an agent opens, without a path")
    PIN_ENTRY: Literal["page", "agent"] = Field("page", description="where the person types passcodes")
    CHANGE_NEEDS_CODE: bool = Field(False, description="a CHANGE needs a mailed code too; as in identity")
    REMOTE_VOUCH: Literal["off", "two-colleagues"] = Field(
        "off", description="two colleagues may vouch for a holder without usable mail; as in identity"
    )
    GRANT_SIGNING_KEY_FILE: Path
    GRANT_VERIFY_KEYS_DIR: Path

    @model_validator(mode="after")
    def _enrolled_by_somebody(self) -> "Settings":
        if self.AGENTS == "enrolled" and self.AGENT_CA_FILE is None:
            raise ValueError("AGENTS=enrolled needs AGENT_CA_FILE")
        return self

    @property
    def remote_vouch(self) -> bool:
        """Whether colleagues may vouch from afar."""
        return self.REMOTE_VOUCH == "two-colleagues"

    @property
    def agent_ca(self) -> Path | None:
        """Who signs the certificates that agents must show; None: agents show none."""
        return self.AGENT_CA_FILE if self.AGENTS == "enrolled" else None

    @property
    def budget(self) -> Budget:
        """What a card may bear."""
        return Budget(self.BUDGET_TRIES_FLOOR, self.BUDGET_FAILED_RESETS, self.BUDGET_USES_KEPT)
