"""Master keys: where they are, which is the newest, and the one thing asked of them: HMAC-SHA-256.

Here: files on one machine. `hsm.py`: keys that may not leave their HSM. Source: architecture §5.
"""

import hashlib
import hmac
import os
import re
from pathlib import Path
from typing import Protocol

KEY_LENGTH = 32
"""Bytes of a master key: the output of the hash it is used with (RFC 2104, section 3)."""

_KID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What a key may be called: a file's stem, an HSM's label, a column of 64 characters."""

ENDING = ".key"


class BadKeys(ValueError):
    """Master keys that the vault cannot start with; the text is one line and holds no secret."""


class KeysAway(Exception):
    """The keys cannot be asked now, and may be later."""


class KeyProvider(Protocol):
    """Keeps master keys: a file on one machine, an HSM where they may not leave it."""

    @property
    def waits(self) -> bool:
        """True where a MAC may take its time, so that no event loop may ask for one."""
        ...

    @property
    def newest_kid(self) -> str:
        """The key that new versions are derived from."""
        ...

    @property
    def kids(self) -> frozenset[str]:
        """Every key that is there."""
        ...

    @property
    def removed(self) -> frozenset[str]:
        """Those of `kids` that were taken away since: a file's is kept in memory until it is forgotten."""
        ...

    def mac(self, kid: str, message: bytes) -> bytes:
        """HMAC-SHA-256 under one key, 32 bytes. Raises KeyError for a key that is not there, KeysAway."""
        ...

    def reread(self) -> None:
        """Look at what is there now. Raises BadKeys, OSError, KeysAway, and then all is as before."""
        ...

    def forget(self, kid: str) -> None:
        """Give up a key that was removed."""
        ...


Newest = str | Path
"""Which key is the newest: its name, or a file of one line that may change while the process runs."""


class FileKeyProvider:
    """Master keys in files `<kid>.key`, 32 raw bytes each."""

    waits = False

    def __init__(self, keys: dict[str, bytes], newest_kid: str) -> None:
        self._keys = _checked(keys, newest_kid)
        self._newest_kid = newest_kid
        self._removed: frozenset[str] = frozenset()
        self._folder: Path | None = None
        self._newest: Newest = newest_kid

    @classmethod
    def from_dir(cls, folder: Path, newest: Newest) -> "FileKeyProvider":
        """Read all keys of a folder. Raises BadKeys, OSError."""
        provider = cls(_read(folder), kid_named(newest))
        provider._folder, provider._newest = folder, newest
        return provider

    @property
    def newest_kid(self) -> str:
        """The key that new versions are derived from."""
        return self._newest_kid

    @property
    def kids(self) -> frozenset[str]:
        """Every key that is known."""
        return frozenset(self._keys)

    @property
    def removed(self) -> frozenset[str]:
        """Keys whose files are gone, and that are not forgotten."""
        return self._removed

    def mac(self, kid: str, message: bytes) -> bytes:
        """HMAC-SHA-256 under one key, 32 bytes."""
        return hmac.digest(self._keys[kid], message, hashlib.sha256)

    def reread(self) -> None:
        """Read the folder again; all of it is taken, or nothing. Raises BadKeys, OSError."""
        if self._folder is None:
            return
        newest_kid = kid_named(self._newest)
        fresh = _checked(_read(self._folder), newest_kid)
        for kid in fresh.keys() & self._keys.keys():
            if fresh[kid] != self._keys[kid]:
                raise BadKeys(f"master key {kid!r} has another value than before: a new key needs a new name")
        self._removed = frozenset(self._keys.keys() - fresh.keys())
        self._keys = self._keys | fresh
        self._newest_kid = newest_kid

    def forget(self, kid: str) -> None:
        """Give up a key whose file is gone."""
        self._keys = {each: key for each, key in self._keys.items() if each != kid}
        self._removed -= {kid}


def kid_named(newest: Newest) -> str:
    """The name of the newest key. Raises BadKeys, OSError."""
    return checked_kid(newest.read_text().strip() if isinstance(newest, Path) else newest)


def _read(folder: Path) -> dict[str, bytes]:
    return {file.stem: file.read_bytes() for file in sorted(folder.glob("*" + ENDING))}


def _checked(keys: dict[str, bytes], newest_kid: str) -> dict[str, bytes]:
    for kid, key in keys.items():
        if len(key) != KEY_LENGTH:
            raise BadKeys(f"master key {kid!r} has {len(key)} bytes and not {KEY_LENGTH}")
    if newest_kid not in keys:
        raise BadKeys(f"master key {newest_kid!r}, named as the newest, is not there")
    return keys


def checked_kid(kid: str) -> str:
    """The name, if a key may be called so. Raises BadKeys."""
    if not _KID.fullmatch(kid):
        raise BadKeys("a key's name has 1 to 64 letters, digits and . _ - and begins with none of the three")
    return kid


def write_key(folder: Path, kid: str, key: bytes) -> Path:
    """Write a new key, 0600, whole or not at all. Raises BadKeys where one of that name is there."""
    path = folder / (checked_kid(kid) + ENDING)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(fresh)
    except FileExistsError:
        raise BadKeys(f"{path}: there is a key of that name, and it is never overwritten") from None
    finally:
        fresh.unlink(missing_ok=True)
    return path
