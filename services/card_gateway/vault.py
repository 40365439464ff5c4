"""The cards' secrets: PUKs derived where we set them, PUKs and admin keys sealed where they were imported.

One way out for each: a PUK by `release`, an admin key never, but what it makes of one challenge by `answer`.

`PUK(n) = encode(HMAC-SHA-256(master[kid], card_ref ‖ n))` in the alphabet of the card's profile.
The master may stay where it is kept: all that is asked of it is `KeyProvider.mac`.
Source: architecture §5.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from services.card_gateway import admin_key
from services.card_gateway.card import profiles
from services.card_gateway.card.profiles import PukProfile
from services.card_gateway.domain.budget import Secret
from services.card_gateway.domain.journal import Rotation, RowState
from services.card_gateway.domain.step import RESET_BEGINS_WITHIN
from services.card_gateway.master_keys import BadKeys, KeyProvider, KeysAway
from services.card_gateway.ports import Authorisation, CardProof, NotReleased, Puks
from services.runtime.randomness import Randomness

WRAPPING = b"smartcard-unlock/wrap-imported-puk/v1"
TOKENS = b"smartcard-unlock/tokens/v1"
"""What else the master's MAC is asked for; neither is as long as `card_ref ‖ n`, so none is a PUK."""

_PUK_INPUT = 20
"""Bytes of `card_ref ‖ n`: 16 and 4."""

NONCE = 12
FILLER = 7
RELEASES_A_MINUTE = 300
"""More resets than that one process does not see in a minute; a thief would."""

ANSWERED_WITHIN = 2.0
"""Seconds that a release waits for an HSM. Its transaction is open so long; others wait 3 s for a lock."""

KNOWN_EVERYWHERE_AFTER = timedelta(seconds=120)
"""From a replica's first sight of a key to its use for new versions. Longer than Kubernetes takes to change a
mounted secret on every node: a minute, and the age of its cache."""

T = TypeVar("T")


@dataclass(frozen=True)
class _Standing:
    """What is derived from one master key once, and kept in memory only."""

    tokens: bytes = field(repr=False)
    wrapping: AESGCMSIV = field(repr=False)


class MasterVault:
    """Keeps the contract of `ports.Vault`."""

    def __init__(self, keys: KeyProvider, randomness: Randomness) -> None:
        """Ask for what is derived once. Raises KeysAway."""
        self._keys = keys
        self._randomness = randomness
        self._standing = {kid: _standing(keys, kid) for kid in keys.kids}
        self._newest_kid = keys.newest_kid
        self._first_seen: dict[str, datetime] = {}
        """Of the keys that came while the process ran."""
        # A call into an HSM cannot be cut short: a thread of its own waits, and the next calls behind it.
        self._aside = ThreadPoolExecutor(1, "hsm") if keys.waits else None
        self._released: dict[tuple[str, datetime], datetime] = {}
        """When each reset's secret was first let out: the same one again is no further release."""

    @property
    def newest_kid(self) -> str:
        """The master key that new versions are derived from."""
        return self._newest_kid

    @property
    def kids(self) -> tuple[str, ...]:
        """Every master key that is known, the newest first."""
        return (self._newest_kid, *sorted(self._standing.keys() - {self._newest_kid}))

    @property
    def removed(self) -> frozenset[str]:
        """Master keys that were taken away and are not forgotten."""
        return self._keys.removed

    async def reread(self, now: datetime) -> None:
        """Take new keys at once, and a new newest one when the other replicas have had time to learn of it.

        Where the newest was taken away, its successor is the newest at once.
        Raises BadKeys, OSError, KeysAway, and then all is as before.
        """
        added = await self._apart(self._read_again)
        for kid in added:
            self._first_seen[kid] = now
        self._standing = self._standing | added
        newest = self._keys.newest_kid
        # A key that was taken away makes no new version, even if the others do not know its successor yet:
        # they ask again until they do, but a card whose PUK came from a key that is gone is lost.
        gone = self._newest_kid in self._keys.removed
        if gone or newest not in self._first_seen or now - self._first_seen[newest] >= KNOWN_EVERYWHERE_AFTER:
            self._newest_kid = newest

    def forget(self, kid: str) -> None:
        """Give up a key that was removed and that nothing needs any more."""
        self._keys.forget(kid)
        self._standing = {each: derived for each, derived in self._standing.items() if each != kid}

    def _read_again(self) -> dict[str, _Standing]:
        self._keys.reread()
        return {kid: _standing(self._keys, kid) for kid in self._keys.kids - self._standing.keys()}

    def derive(self, kid: str, purpose: str, *parts: str) -> bytes:
        """32 bytes that only this service can make again, for tokens; never a card's secret."""
        message = b"".join(
            len(part).to_bytes(2, "big") + part for part in (p.encode() for p in (purpose, *parts))
        )
        return hmac.digest(self._standing[kid].tokens, message, hashlib.sha256)

    def seal_imported(self, card_ref: str, profile: str, puk: str) -> tuple[bytes, str]:
        """Seal a factory PUK or an admin key; returns it with the key id. Raises ValueError for neither."""
        return self._sealed(card_ref, profiles.BY_KIND[profile].imported_secret(puk))

    async def release(
        self, authorisation: Authorisation, proof: CardProof, secret: Secret, row: Rotation, now: datetime
    ) -> Puks:
        """The one exit of a PUK. Raises NotReleased where authorisation, proof and time do not fit."""
        if (authorisation.card_ref, authorisation.rotation_id) != (row.card_ref, row.rotation_id):
            raise NotReleased("NOT_AUTHORISED")
        if row.state not in (RowState.SENT, RowState.UNKNOWN):
            raise NotReleased("NOT_AUTHORISED")
        self._require(authorisation, proof, secret, now)
        self._count((row.rotation_id, authorisation.sent_at), now)
        profile = profiles.PUK[authorisation.profile]
        try:
            async with asyncio.timeout(ANSWERED_WITHIN):
                current = await self._puk(profile, secret, row.version, row.kid)
                following = await self._puk(profile, secret, row.next_version, row.next_kid)
        except (KeysAway, TimeoutError):
            raise NotReleased("KEYS_AWAY") from None
        except (KeyError, BadKeys):
            raise NotReleased("KEY_MISSING") from None
        return Puks(current, following)

    def answer(
        self, authorisation: Authorisation, proof: CardProof, secret: Secret, challenges: bytes, now: datetime
    ) -> bytes:
        """The one exit of what an admin key makes of a challenge. Raises NotReleased, as `release` does."""
        self._require(authorisation, proof, secret, now)
        self._count((authorisation.session_id, authorisation.sent_at), now)
        filler = self._randomness.token(FILLER)
        plain = profiles.ADMIN_KEY[authorisation.profile].plain_answer(challenges, filler)
        return admin_key.encipher(self._opened(secret), plain)

    def is_proof(self, profile: str, secret: Secret, challenges: bytes, answer: bytes) -> bool:
        """True where a card's answer to our challenge was made with its admin key."""
        plain = admin_key.decipher(self._opened(secret), answer)
        return profiles.ADMIN_KEY[profile].answers_proof(plain, challenges)

    def _require(self, authorisation: Authorisation, proof: CardProof, secret: Secret, now: datetime) -> None:
        """Raise NotReleased unless this card, just now, in this session, may get its secret."""
        same_session = authorisation.session_id == proof.session_id
        same_card = authorisation.card_ref == proof.card_ref == secret.card_ref
        if not (same_session and same_card) or secret.stopped:
            raise NotReleased("NOT_AUTHORISED")
        if now >= authorisation.begin_before or now - proof.proved_at > RESET_BEGINS_WITHIN:
            raise NotReleased("TOO_LATE")

    def _count(self, reset: tuple[str, datetime], now: datetime) -> None:
        lately = {each: at for each, at in self._released.items() if now - at < timedelta(minutes=1)}
        if reset not in lately and len(lately) >= RELEASES_A_MINUTE:
            raise NotReleased("TOO_MANY_RELEASES")
        lately.setdefault(reset, now)
        self._released = lately

    async def _puk(self, profile: PukProfile, secret: Secret, version: int, kid: str) -> bytes:
        if version == 0:
            return self._opened(secret)
        return profile.encode_puk(await self._mac(kid, _bound_to(secret.card_ref, version)))

    async def _mac(self, kid: str, message: bytes) -> bytes:
        return await self._apart(partial(self._keys.mac, kid, message))

    async def _apart(self, ask: Callable[[], T]) -> T:
        """What the keys answer, asked where waiting holds up nobody else."""
        if self._aside is None:
            return ask()
        return await asyncio.get_running_loop().run_in_executor(self._aside, ask)

    def resealed(self, secret: Secret) -> tuple[bytes, str]:
        """The factory value sealed under the newest key; it stays in here. Raises NotReleased."""
        return self._sealed(secret.card_ref, self._opened(secret))

    def _sealed(self, card_ref: str, plain: bytes) -> tuple[bytes, str]:
        kid, nonce = self._newest_kid, self._randomness.token(NONCE)
        return nonce + self._standing[kid].wrapping.encrypt(nonce, plain, _bound_to(card_ref, 0)), kid

    def _opened(self, secret: Secret) -> bytes:
        if secret.imported is None:
            raise NotReleased("ERR1009")
        nonce, sealed = secret.imported[:NONCE], secret.imported[NONCE:]
        if secret.imported_kid not in self._standing:
            raise NotReleased("KEY_MISSING")
        wrapping = self._standing[secret.imported_kid].wrapping
        try:
            return wrapping.decrypt(nonce, sealed, _bound_to(secret.card_ref, 0))
        except (InvalidTag, ValueError):  # a value that was cut is no nonce and no tag
            raise NotReleased("VAULT_DAMAGED") from None


def _standing(keys: KeyProvider, kid: str) -> _Standing:
    return _Standing(keys.mac(kid, TOKENS), AESGCMSIV(keys.mac(kid, WRAPPING)))


def _bound_to(card_ref: str, version: int) -> bytes:
    """`card_ref ‖ n`: what a PUK is derived from, and what a sealed one is bound to."""
    bound = bytes.fromhex(card_ref) + version.to_bytes(4, "big")
    if len(bound) != _PUK_INPUT:
        raise ValueError("a card_ref is 16 bytes in hex")
    return bound
