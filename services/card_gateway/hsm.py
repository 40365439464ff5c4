"""Master keys in an HSM, by PKCS#11: generic secret keys that never leave it, found by their label.

The only importer of `pkcs11`, and only where the settings choose an HSM. PKCS#11 v2.40: CKM_SHA256_HMAC with
keys of CKO_SECRET_KEY, CKA_SENSITIVE and not CKA_EXTRACTABLE.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from services.card_gateway.master_keys import KEY_LENGTH, BadKeys, KeysAway, Newest, checked_kid, kid_named
from services.runtime import logs

log = logs.logger("hsm")


T = TypeVar("T")


class _NotOpened(BadKeys):
    """There is no session: no token, or no login."""


@dataclass(frozen=True)
class TokenAddress:
    """Where the keys are; the PIN stays in its file."""

    module: Path
    """The vendor's shared library."""
    label: str
    pin_file: Path

    def __str__(self) -> str:
        return f"token {self.label!r} of {self.module}"


class HsmKeyProvider:
    """Master keys by their labels. Keeps the contract of `master_keys.KeyProvider`."""

    waits = True

    def __init__(self, address: TokenAddress, newest: Newest) -> None:
        self._session = _Session(address)
        self._lock = Lock()  # a PKCS#11 session does one thing at a time
        self._newest = newest
        self._newest_kid = kid_named(newest)
        self._kids = self._session.fit_kids(self._newest_kid)
        self._removed: frozenset[str] = frozenset()

    @property
    def newest_kid(self) -> str:
        """The key that new versions are derived from."""
        return self._newest_kid

    @property
    def kids(self) -> frozenset[str]:
        """Every key that was there and fit to be one."""
        return self._kids

    @property
    def removed(self) -> frozenset[str]:
        """Keys that are no longer in the token: nothing can be asked of them."""
        return self._removed

    def mac(self, kid: str, message: bytes) -> bytes:
        """HMAC-SHA-256 under one key, 32 bytes; where the HSM went away, by a session opened anew."""
        with self._lock:
            return self._session.asked(lambda: self._session.sign(kid, message))

    def reread(self) -> None:
        """Look at the token's keys again. Raises BadKeys, OSError, KeysAway."""
        newest_kid = kid_named(self._newest)
        with self._lock:
            there = self._session.asked(lambda: self._session.fit_kids(newest_kid))
        self._removed, self._kids = self._kids - there, self._kids | there
        self._newest_kid = newest_kid

    def forget(self, kid: str) -> None:
        """Speak no more of a key that is gone."""
        self._kids, self._removed = self._kids - {kid}, self._removed - {kid}


def new_key(address: TokenAddress, kid: str) -> None:
    """Make a key inside the HSM. Raises BadKeys where one of that name is there, or the HSM makes none."""
    _Session(address).generate(checked_kid(kid))


class _Session:
    """One logged-in session; opened anew after the HSM went away."""

    def __init__(self, address: TokenAddress) -> None:
        self._address = address
        self._refused_pin = b""
        self._keys: dict[str, Any] = {}
        self._open: Any = self._logged_in(_library(address.module))

    def asked(self, ask: Callable[[], T]) -> T:
        """What the HSM answers, at the second try too. Raises KeysAway, and what `ask` raises."""
        import pkcs11

        try:
            if self._open is not None:
                return ask()
        except pkcs11.PKCS11Error as error:
            log.warning("hsm_lost", error=type(error).__name__)
        except (BadKeys, KeyError):
            pass  # an HSM that is away may show no keys at all
        try:
            self._reopen()
            return ask()
        except (pkcs11.PKCS11Error, _NotOpened, OSError) as error:
            self._open = None
            log.warning("hsm_away", error=type(error).__name__)
            raise KeysAway from error

    def _reopen(self) -> None:
        """Begin again from C_Initialize: what was known of sessions and objects may mean nothing now."""
        self._open, self._keys = None, {}
        library = _library(self._address.module)
        library.reinitialize()
        self._open = self._logged_in(library)

    def _logged_in(self, library: Any, *, writable: bool = False) -> Any:
        import pkcs11

        token, pin = self._token(library), self._pin()
        try:
            return token.open(user_pin=pin, rw=writable)
        except pkcs11.UserAlreadyLoggedIn:  # the login is the process's, not the session's
            return token.open(rw=writable)
        except (pkcs11.PinIncorrect, pkcs11.PinLenRange, pkcs11.PinInvalid):
            self._refused_pin = _digest(pin)
            raise _NotOpened(f"the PIN in {self._address.pin_file} is not that of {self._address}") from None
        except (pkcs11.PinLocked, pkcs11.UserPinNotInitialized, pkcs11.PinExpired) as error:
            raise _NotOpened(f"{self._address}: {type(error).__name__}") from None

    def _token(self, library: Any) -> Any:
        import pkcs11

        try:
            return library.get_token(token_label=self._address.label)
        except pkcs11.NoSuchToken:
            raise _NotOpened(f"there is no {self._address}") from None
        except pkcs11.MultipleTokensReturned:
            raise _NotOpened(f"there is more than one {self._address}") from None

    def _pin(self) -> str:
        """The PIN from its file. One that was refused is not tried again: an HSM counts, and locks."""
        pin = self._address.pin_file.read_text().strip()
        if not pin or _digest(pin) == self._refused_pin:
            raise _NotOpened(f"the PIN in {self._address.pin_file} is not that of {self._address}")
        return pin

    def sign(self, kid: str, message: bytes) -> bytes:
        """HMAC-SHA-256. Raises KeyError."""
        import pkcs11

        if kid not in self._keys:
            self._keys[kid] = self.key(kid)
        signed: bytes = self._keys[kid].sign(message, mechanism=pkcs11.Mechanism.SHA256_HMAC)
        return signed

    def key(self, kid: str) -> Any:
        """A key that is fit. Raises KeyError where there is none of that label, BadKeys where it is unfit."""
        found = [key for key in self._secret_keys() if key.label == kid]
        if not found:
            raise KeyError(kid)
        unfit = "is there more than once" if len(found) > 1 else _unfit(found[0])
        if unfit:
            raise BadKeys(f"key {kid!r} in {self._address} {unfit}")
        return found[0]

    def fit_kids(self, newest_kid: str) -> frozenset[str]:
        """The labels of all keys that may be used; a token may hold others' keys too.

        Raises BadKeys where the newest is not there, or unfit.
        """
        try:
            self.key(newest_kid)
        except KeyError:
            raise BadKeys(f"no key labelled {newest_kid!r} in {self._address}") from None
        labels = [key.label for key in self._secret_keys() if not _unfit(key)]
        return frozenset(label for label in labels if label and labels.count(label) == 1)

    def generate(self, kid: str) -> None:
        """Make a key that cannot leave."""
        import pkcs11
        from pkcs11 import Attribute

        if any(key.label == kid for key in self._secret_keys()):
            raise BadKeys(f"there is a key {kid!r} in {self._address}, and it is never overwritten")
        template = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
        try:
            with self._logged_in(_library(self._address.module), writable=True) as session:
                session.generate_key(
                    pkcs11.KeyType.GENERIC_SECRET,
                    KEY_LENGTH * 8,
                    label=kid,
                    store=True,
                    capabilities=pkcs11.MechanismFlag.SIGN,
                    template=template,
                )
        except pkcs11.PKCS11Error as error:
            raise BadKeys(f"{self._address} made no key: {type(error).__name__}") from None

    def _secret_keys(self) -> list[Any]:
        from pkcs11 import Attribute, ObjectClass

        return list(self._open.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY}))


def _library(module: Path) -> Any:
    try:
        import pkcs11
    except ImportError:
        raise BadKeys("python-pkcs11 is not installed: it is in the extra card-gateway") from None
    try:
        return pkcs11.lib(str(module))
    except pkcs11.PKCS11Error:
        raise BadKeys(f"{module}: no PKCS#11 module that can be loaded") from None


def _unfit(key: Any) -> str:
    """Why a key may not be a master key; empty where it may."""
    from pkcs11 import Attribute, KeyType

    if key.key_type not in (KeyType.GENERIC_SECRET, KeyType.SHA256_HMAC):
        return "is no generic secret"
    if key[Attribute.EXTRACTABLE]:
        return "can be extracted from the HSM"
    if not key[Attribute.SENSITIVE]:
        return "is not sensitive: its value can be read"
    if not key[Attribute.SIGN]:
        return "may not sign"
    if key[Attribute.VALUE_LEN] < KEY_LENGTH:
        return f"has less than {KEY_LENGTH} bytes"
    return ""


def _digest(pin: str) -> bytes:
    return hashlib.sha256(pin.encode()).digest()
