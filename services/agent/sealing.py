"""The agent's key of a session, and the PINs that the page sealed to it."""

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from services.runtime.hpke import (
    NotSealedForUs,
    current_pin_info,
    open_sealed,
    pin_info,
    sign_in_pin_info,
)


class PinNotOpened(Exception):
    """The sealed PIN is not for this key, session and attempt, or is no ASCII text."""


def new_private_key() -> bytes:
    """Return a fresh X25519 key, raw."""
    return X25519PrivateKey.generate().private_bytes_raw()


def public_key_of(private_key: bytes) -> bytes:
    """Return the raw public key, 32 bytes."""
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def open_pin(private_key: bytes, sealed: bytes, session_id: str, attempt_id: str) -> str:
    """Return the new PIN as the person typed it. Raises PinNotOpened.

    Whether the digits are good enough is judged by the card library before it sends them.
    """
    return _opened(private_key, sealed, pin_info(session_id, attempt_id))


def open_current_pin(private_key: bytes, sealed: bytes, session_id: str, attempt_id: str) -> str:
    """Return the PIN that the person says the card has now. Raises PinNotOpened."""
    return _opened(private_key, sealed, current_pin_info(session_id, attempt_id))


def open_sign_in_pin(private_key: bytes, sealed: bytes, session_id: str, attempt_id: str) -> str:
    """Return the PIN that the person signs in with. Raises PinNotOpened."""
    return _opened(private_key, sealed, sign_in_pin_info(session_id, attempt_id))


def _opened(private_key: bytes, sealed: bytes, info: bytes) -> str:
    try:
        key = X25519PrivateKey.from_private_bytes(private_key)
        return open_sealed(key, sealed, info).decode("ascii")
    except (NotSealedForUs, UnicodeError):
        raise PinNotOpened from None
