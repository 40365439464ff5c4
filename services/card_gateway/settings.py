"""What card_gateway reads from its environment."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings

from services.runtime.settings import KafkaSettings, ProcessSettings


class DatabaseSettings(BaseSettings):
    """All that `migrate` needs."""

    CARD_GATEWAY_DATABASE_URL: str = Field(repr=False)


class VaultSettings(DatabaseSettings):
    """All that `import` needs."""

    CARD_MASTER_KEY_DIR: Path
    CARD_MASTER_KID: str = Field(min_length=1, max_length=64)


class Settings(VaultSettings, ProcessSettings, KafkaSettings):
    """The settings of `serve`; files hold the secrets."""

    AGENT_LISTEN_ADDRESS: str = Field("127.0.0.1:0", description="host:port of the agents' TLS listener")
    GATEWAY_NAME: str = Field(
        min_length=1, max_length=64, description="signed by cards; agents have the same"
    )
    WEB_ORIGIN: str = Field(pattern=r"^https?://[^/]+$", description="what an agent opens, without a path")
    GRANT_SIGNING_KEY_FILE: Path
    GRANT_VERIFY_KEYS_DIR: Path
