"""Opens sealed codes with the notifier's key (HPKE)."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.notifier.domain.delivery import Delivery
from services.notifier.ports import CannotOpen
from services.runtime.hpke import NotSealedForUs, code_info, open_sealed


class KeyFileWrong(ValueError):
    """The file does not hold an X25519 private key in PEM."""


class HpkeOpener:
    """Holds the private key, in memory only."""

    def __init__(self, key: X25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def from_file(cls, path: Path) -> "HpkeOpener":
        """Read the key. Raises KeyFileWrong or OSError."""
        try:
            key = load_pem_private_key(path.read_bytes(), None)
        except ValueError as error:
            raise KeyFileWrong(path.name) from error
        if not isinstance(key, X25519PrivateKey):
            raise KeyFileWrong(path.name)
        return cls(key)

    def open(self, delivery: Delivery) -> str:
        """Return the code's digits. Raises CannotOpen."""
        info = code_info(
            delivery.message_id, delivery.session_id, delivery.expires_at, delivery.address_version
        )
        try:
            code = open_sealed(self._key, delivery.sealed_code or b"", info).decode("ascii")
        except (NotSealedForUs, UnicodeDecodeError) as error:
            raise CannotOpen from error
        if not code.isdigit():
            raise CannotOpen
        return code
