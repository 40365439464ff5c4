"""Where a message may go, what its reader can do by it, and the one thing that is: freeze the card. R64."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from services.identity.domain.facts import CardFrozen
from services.identity.domain.holder import FreezeToken, RegistrationAuthority
from services.identity.use_cases import Delivery, Holders, Parts
from services.runtime import logs
from services.runtime.randomness import digest_of, text_token

log = logs.logger("identity")

TOKEN_BYTES = 16
"""128 bits. Source: architecture section 3, profile and RA."""
FREEZES_FOR = timedelta(days=30)
"""Source: the same."""

UNKNOWN = "FREEZE_LINK_UNKNOWN"


class Kind(Enum):
    """What a message tells, as far as it decides where it may go."""

    OTHER = "OTHER"
    UNLOCKED = "UNLOCKED"
    ADDRESS_CHANGED = "ADDRESS_CHANGED"
    CARD_FROZEN = "CARD_FROZEN"
    RA_TEAM = "RA_TEAM"


ASK = (Kind.UNLOCKED, Kind.ADDRESS_CHANGED)
"""Messages that ask "was this you?"."""


TO_THE_TEAM = (Kind.CARD_FROZEN, Kind.RA_TEAM)
"""Messages that the RA team of the holder's organisation gets."""


@dataclass(frozen=True)
class Told:
    """Where to send one message, and the token that goes into it."""

    delivery: Delivery
    freeze_token: str = field(default="", repr=False)


class Telling:
    """GetDeliveryAddress and FreezeCard."""

    def __init__(self, parts: Parts, holders: Holders) -> None:
        self._parts = parts
        self._holders = holders

    async def delivery_address(self, holder_ref: str, version: int, kind: Kind, card_ref: str) -> Told:
        """Return where a message may go now; a token only with an address, and only where it asks."""
        if kind in TO_THE_TEAM:
            return Told(await self._team_of(holder_ref))
        of_change = kind is Kind.ADDRESS_CHANGED
        delivery = await self._holders.delivery_address(holder_ref, version, of_change=of_change)
        if delivery.refused_code or kind not in ASK:
            return Told(delivery)
        return Told(delivery, await self._new_token(holder_ref, card_ref))

    async def _team_of(self, holder_ref: str) -> Delivery:
        async with self._parts.store.read() as view:
            authority = await view.authority_of(holder_ref)
        email = authority.email if authority else ""
        if authority and not email:
            log.warning("alert_reaches_no_ra", organisation=authority.organisation)
        return Delivery(address=email) if email else Delivery(refused_code="HOLDER_UNKNOWN")

    async def _new_token(self, holder_ref: str, card_ref: str) -> str:
        token = text_token(self._parts.randomness.token(TOKEN_BYTES))
        ends = self._parts.clock.now() + FREEZES_FOR
        async with self._parts.store.begin("identity.give_freeze_token") as work:
            await work.keep_freeze_token(FreezeToken(digest_of(token), holder_ref, card_ref, ends))
        return token

    async def freeze_card(self, token: str) -> RegistrationAuthority | str:
        """Freeze what the token may freeze, and tell it once. The RA to ask next, or UNKNOWN."""
        async with self._parts.store.begin("identity.freeze_card") as work:
            known = await work.freeze_token(digest_of(token))
            now = self._parts.clock.now()
            if known is None or now >= known.expires_at:
                return UNKNOWN
            authority = await work.authority_of(known.holder_ref)
            if authority is None:
                return UNKNOWN
            organisation = authority.organisation
            frozen = await work.freeze(known, now)
            await work.tell(*(CardFrozen(known.holder_ref, organisation, card, now) for card in frozen))
        return authority
