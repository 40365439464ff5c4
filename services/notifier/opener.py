"""Opens sealed codes with the notifier's key (HPKE)."""

from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from google.protobuf.message import DecodeError
from smartcard_unlock.otp.v1 import otp_pb2

from services.notifier.domain.delivery import Contents, Delivery
from services.notifier.ports import CannotOpen
from services.runtime.hpke import NotSealedForUs, code_info, open_sealed, particulars_info

LONGEST_SHOWN = 80
"""Characters. Source: CodeParticulars.site."""


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

    def open(self, delivery: Delivery) -> Contents:
        """Return the code, and what the mail says besides where that can be read. Raises CannotOpen."""
        info = code_info(*_context(delivery))
        try:
            code = open_sealed(self._key, delivery.sealed_code or b"", info).decode("ascii")
        except (NotSealedForUs, UnicodeDecodeError) as error:
            raise CannotOpen from error
        if not code.isdigit():
            raise CannotOpen
        said = self._particulars(delivery)
        return Contents(code, _shown(said.card_last_four), _shown(said.site))

    def _particulars(self, delivery: Delivery) -> otp_pb2.CodeParticulars:
        """Open what is no more than a hint: no code waits for it."""
        sealed, info = delivery.sealed_particulars, particulars_info(*_context(delivery))
        try:
            opened = open_sealed(self._key, sealed, info) if sealed else b""
            return otp_pb2.CodeParticulars.FromString(opened)
        except (NotSealedForUs, DecodeError):
            return otp_pb2.CodeParticulars()


def _context(delivery: Delivery) -> tuple[str, str, datetime, int]:
    return delivery.message_id, delivery.session_id, delivery.expires_at, delivery.address_version


def _shown(text: str) -> str:
    """Return a text that may stand in a mail: short and printable, on one line."""
    return text if len(text) <= LONGEST_SHOWN and text.isprintable() else ""
