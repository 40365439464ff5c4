"""What the import from an LDAP server reads from its environment."""

from pathlib import Path

from pydantic import Field

from services.identity.settings import DatabaseSettings


class LdapSettings(DatabaseSettings):
    """The server, who asks it, and the database. There is no setting that turns its proof of identity off."""

    LDAP_URL: str = Field(
        pattern=r"^ldaps?://[^/@?#\s]+$", description="ldaps://host:port, or ldap://, always with StartTLS"
    )
    LDAP_CA_FILE: Path = Field(description="PEM; whom the server's certificate is from")
    LDAP_BIND_DN: str = Field(min_length=1, description="who asks; an account that may only read")
    LDAP_BIND_PASSWORD_FILE: Path
    LDAP_PAGE_SIZE: int = Field(500, ge=1, le=10_000, description="entries a page (RFC 2696)")
    LDAP_TIMEOUT_SECONDS: float = Field(30, gt=0, le=600, description="for each answer of the server")

    @property
    def password(self) -> str:
        """The password of the bind, without the end of its line."""
        return self.LDAP_BIND_PASSWORD_FILE.read_text().rstrip("\r\n")
