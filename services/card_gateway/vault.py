"""The cards' PUKs: derived where we set them, sealed where they were imported, and one way out.

`PUK(n) = encode(HMAC-SHA-256(master[kid], card_ref ‖ n))` in the alphabet of the card's profile.
The master may stay where it is kept: all that is asked of it is `KeyProvider.mac`.
Source: architecture §5.
"""

import asyncio
import hashlib
import hmac
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV

from services.card_gateway.card import profiles
from services.card_gateway.card.profiles import Profile
from services.card_gateway.domain.budget import Secret
from services.card_gateway.domain.journal import Rotation, RowState
from services.card_gateway.domain.step import RESET_BEGINS_WITHIN
from services.card_gateway.master_keys import KeyProvider, KeysAway
from services.card_gateway.ports import Authorisation, CardProof, NotReleased, Puks
from services.runtime.randomness import Randomness

WRAPPING = b"smartcard-unlock/wrap-imported-puk/v1"
TOKENS = b"smartcard-unlock/tokens/v1"
"""What else the master's MAC is asked for; neither is as long as `card_ref ‖ n`, so none is a PUK."""

_PUK_INPUT = 20
"""Bytes of `card_ref ‖ n`: 16 and 4."""

NONCE = 12
RELEASES_A_MINUTE = 300
"""More resets than that one process does not see in a minute; a thief would."""

ANSWERED_WITHIN = 2.0
"""Seconds that a release waits for an HSM. Its transaction is open so long; others wait 3 s for a lock."""


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
        # A call into an HSM cannot be cut short: a thread of its own waits, and the next calls behind it.
        self._aside = ThreadPoolExecutor(1, "hsm") if keys.waits else None
        self._released: dict[tuple[str, datetime], datetime] = {}
        """When each reset's secret was first let out: the same one again is no further release."""

    @property
    def newest_kid(self) -> str:
        """The master key that new versions are derived from."""
        return self._keys.newest_kid

    @property
    def kids(self) -> tuple[str, ...]:
        """Every master key that is there, the newest first."""
        newest = self._keys.newest_kid
        return (newest, *sorted(self._standing.keys() - {newest}))

    def derive(self, kid: str, purpose: str, *parts: str) -> bytes:
        """32 bytes that only this service can make again, for tokens; never a card's secret."""
        message = b"".join(
            len(part).to_bytes(2, "big") + part for part in (p.encode() for p in (purpose, *parts))
        )
        return hmac.digest(self._standing[kid].tokens, message, hashlib.sha256)

    def seal_imported(self, card_ref: str, profile: str, puk: str) -> tuple[bytes, str]:
        """Seal a card's factory PUK; returns it with the key id. Raises ValueError for what is no PUK."""
        plain = profiles.BY_KIND[profile].pad_puk(puk)
        kid, nonce = self._keys.newest_kid, self._randomness.token(NONCE)
        return nonce + self._standing[kid].wrapping.encrypt(nonce, plain, _bound_to(card_ref, 0)), kid

    async def release(
        self, authorisation: Authorisation, proof: CardProof, secret: Secret, row: Rotation, now: datetime
    ) -> Puks:
        """The one exit of a PUK. Raises NotReleased where authorisation, proof and time do not fit."""
        same_session = authorisation.session_id == proof.session_id
        same_card = authorisation.card_ref == proof.card_ref == secret.card_ref == row.card_ref
        if not (same_session and same_card and authorisation.rotation_id == row.rotation_id):
            raise NotReleased("NOT_AUTHORISED")
        if row.state not in (RowState.SENT, RowState.UNKNOWN) or secret.stopped:
            raise NotReleased("NOT_AUTHORISED")
        if now >= authorisation.begin_before or now - proof.proved_at > RESET_BEGINS_WITHIN:
            raise NotReleased("TOO_LATE")
        self._count((row.rotation_id, authorisation.sent_at), now)
        profile = profiles.BY_KIND[authorisation.profile]
        try:
            async with asyncio.timeout(ANSWERED_WITHIN):
                current = await self._puk(profile, secret, row.version, row.kid)
                following = await self._puk(profile, secret, row.next_version, row.next_kid)
        except (KeysAway, TimeoutError):
            raise NotReleased("KEYS_AWAY") from None
        except KeyError:
            raise NotReleased("KEY_MISSING") from None
        return Puks(current, following)

    def _count(self, reset: tuple[str, datetime], now: datetime) -> None:
        lately = {each: at for each, at in self._released.items() if now - at < timedelta(minutes=1)}
        if reset not in lately and len(lately) >= RELEASES_A_MINUTE:
            raise NotReleased("TOO_MANY_RELEASES")
        lately.setdefault(reset, now)
        self._released = lately

    async def _puk(self, profile: Profile, secret: Secret, version: int, kid: str) -> bytes:
        if version == 0:
            return self._opened(secret)
        return profile.encode_puk(await self._mac(kid, _bound_to(secret.card_ref, version)))

    async def _mac(self, kid: str, message: bytes) -> bytes:
        if self._aside is None:
            return self._keys.mac(kid, message)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._aside, self._keys.mac, kid, message)

    def _opened(self, secret: Secret) -> bytes:
        if secret.imported is None:
            raise NotReleased("ERR1009")
        nonce, sealed = secret.imported[:NONCE], secret.imported[NONCE:]
        try:
            wrapping = self._standing[secret.imported_kid].wrapping
            return wrapping.decrypt(nonce, sealed, _bound_to(secret.card_ref, 0))
        except InvalidTag:
            raise NotReleased("VAULT_DAMAGED") from None


def _standing(keys: KeyProvider, kid: str) -> _Standing:
    return _Standing(keys.mac(kid, TOKENS), AESGCMSIV(keys.mac(kid, WRAPPING)))


def _bound_to(card_ref: str, version: int) -> bytes:
    """`card_ref ‖ n`: what a PUK is derived from, and what a sealed one is bound to."""
    bound = bytes.fromhex(card_ref) + version.to_bytes(4, "big")
    if len(bound) != _PUK_INPUT:
        raise ValueError("a card_ref is 16 bytes in hex")
    return bound
