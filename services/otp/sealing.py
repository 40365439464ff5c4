"""What keeps a code secret: the keyed digest it is stored as, and the seal it leaves under."""

import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from smartcard_unlock.otp.v1 import otp_pb2

from services.otp.domain.code import Bearer, Code, Particulars
from services.runtime import hpke

CONTEXT = "smartcard-unlock/code/mac/v1"
ENTRY_CONTEXT = "smartcard-unlock/code/entry/v1"
NAME_CONTEXT = "smartcard-unlock/code/key-id/v1"
NETWORK_CONTEXT = "smartcard-unlock/code/network/v1"

SHORTEST_KEY = 32
"""Bytes; the output of SHA-256. Source: RFC 2104, section 3."""


class CodeKey:
    """The server key of the digests: HMAC-SHA-256, bound to what the code is for."""

    def __init__(self, key: bytes) -> None:
        if len(key) < SHORTEST_KEY:
            raise ValueError(f"a code key has at least {SHORTEST_KEY} bytes")
        self._key = key
        self.key_id = self._mac(NAME_CONTEXT)[:8].hex()
        """Names the key and tells nothing of it."""

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read the raw key. Raises ValueError where it is too short."""
        return cls(path.read_bytes())

    def digest(self, code_id: str, bearer: Bearer, digits: str) -> bytes:
        """Return the digest of digits as this code of this session, holder, card and purpose."""
        return self._mac(CONTEXT, code_id, *_bound(bearer), digits)

    def digits_ref(self, attempt_id: str, bearer: Bearer, digits: str) -> str:
        """Return what is kept in place of digits that were wrong, of this attempt alone."""
        return self._mac(ENTRY_CONTEXT, attempt_id, *_bound(bearer), digits)[:16].hex()

    def network_ref(self, client_address: str) -> str:
        """Return what is kept in place of a browser's address; empty for an empty one."""
        return self._mac(NETWORK_CONTEXT, client_address)[:16].hex() if client_address else ""

    def _mac(self, *parts: str) -> bytes:
        message = b"".join(len(part).to_bytes(2, "big") + part for part in map(str.encode, parts))
        return hmac.digest(self._key, message, hashlib.sha256)


def _bound(bearer: Bearer) -> tuple[str, str, str, str]:
    return bearer.session_id, bearer.holder_ref, bearer.card_ref, bearer.purpose


class CodeKeys:
    """The key of new codes, and the other one that is valid while one replaces the other."""

    def __init__(self, newest: CodeKey, other: CodeKey | None = None) -> None:
        self._newest = newest
        self._known = {key.key_id: key for key in (newest, other) if key is not None}

    @classmethod
    def from_files(cls, newest: Path, other: Path | None) -> Self:
        """Read one key or two. Raises ValueError where one is too short."""
        return cls(CodeKey.from_file(newest), None if other is None else CodeKey.from_file(other))

    @property
    def key_id(self) -> str:
        """The key that new codes are digested with."""
        return self._newest.key_id

    @property
    def known(self) -> frozenset[str]:
        """Every key whose codes can be judged."""
        return frozenset(self._known)

    def digest(self, code_id: str, bearer: Bearer, digits: str) -> bytes:
        """Return the digest of digits as a new code."""
        return self._newest.digest(code_id, bearer, digits)

    def digests(self, code: Code, bearer: Bearer, digits: str) -> Sequence[bytes]:
        """Return the digests that these digits can have as this code; none where its key is gone."""
        named = [self._known[code.key_id]] if code.key_id in self._known else []
        keys = named if code.key_id else list(self._known.values())
        return [key.digest(code.code_id, bearer, digits) for key in keys]

    def digits_refs(self, attempt_id: str, bearer: Bearer, digits: str) -> Sequence[str]:
        """Return what may be kept in place of digits that were wrong: the newest key's first."""
        return [key.digits_ref(attempt_id, bearer, digits) for key in self._known.values()]

    def network_ref(self, client_address: str) -> str:
        """Return what is kept in place of a browser's address: a new key counts networks anew."""
        return self._newest.network_ref(client_address)


class NotifierKey:
    """The public key of the notifier, which alone opens what is sealed here."""

    def __init__(self, public_key: bytes) -> None:
        self._public_key = public_key

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read an X25519 public key (PEM, SubjectPublicKeyInfo). Raises ValueError for any other."""
        key = serialization.load_pem_public_key(path.read_bytes())
        if not isinstance(key, X25519PublicKey):
            raise ValueError("the notifier's key is not X25519")
        return cls(key.public_bytes_raw())

    def seal(self, code: Code, digits: str) -> bytes:
        """Return the digits sealed for this code id, session, expiry and address version."""
        bearer = code.bearer
        context = hpke.code_info(code.code_id, bearer.session_id, code.expires_at, bearer.address_version)
        return hpke.seal(self._public_key, digits.encode("ascii"), context)

    def seal_particulars(self, code: Code, particulars: Particulars) -> bytes:
        """Return card and site sealed for the same mail; empty where neither is known."""
        if particulars == Particulars():
            return b""
        message = otp_pb2.CodeParticulars(card_last_four=particulars.card_last_four, site=particulars.site)
        bearer = code.bearer
        context = hpke.particulars_info(
            code.code_id, bearer.session_id, code.expires_at, bearer.address_version
        )
        return hpke.seal(self._public_key, message.SerializeToString(), context)
