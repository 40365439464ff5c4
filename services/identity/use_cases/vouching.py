"""An RA unlocks a card in person: whose card it is, and the RA's word for the person who stands there. R36.

The card is judged as ever; mail is not asked for. A lock by wrong codes does not hold here, and stays.
"""

from dataclasses import dataclass, field
from datetime import datetime

from services.identity.domain.eligibility import Refusal
from services.identity.domain.facts import VouchedInPerson
from services.identity.domain.holder import OwnProfile
from services.identity.domain.vouch import Basis, Vouch, may_not_vouch
from services.identity.ports import View, Work
from services.identity.use_cases import Parts, Refused, proven, refuse
from services.identity.use_cases.signed_in import Ra, against, ra_now
from services.identity.use_cases.unlocking import unlock_grant
from services.runtime.grants import CardGrant, GrantRefused

IN_PERSON = "RA_IN_PERSON"


@dataclass(frozen=True)
class Person:
    """Whose card lies in the reader: the RA looks whether they stand there."""

    name: str = field(repr=False)
    organisation: str


@dataclass(frozen=True)
class Vouched:
    """The card may be unlocked, once."""

    unlock_grant: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class _Seen:
    ra: Ra
    known: OwnProfile | None
    refusal: Refusal | None


class Vouching:
    """ShowPerson and VouchInPerson."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def show(self, token: str, card_token: str) -> Person | Refused:
        """Return whose card it is, to an RA who may vouch for them. Raises GrantRefused."""
        card = self._in_person(card_token)
        async with self._parts.store.read() as view:
            seen = await self._look(view, token, card)
        if seen.known is None or seen.refusal is not None:
            return await self._refuse(card, seen)
        return Person(seen.known.name, seen.known.held.organisation)

    async def vouch(self, token: str, card_token: str, basis: Basis) -> Vouched | Refused:
        """Keep and tell the RA's word, once a session; sign what unlocks the card. Raises GrantRefused."""
        card = self._in_person(card_token)
        async with self._parts.store.begin("identity.vouch_in_person") as work:
            await work.lock_card(card.card_ref)
            seen = await self._look(work, token, card)
            if seen.known is not None and seen.refusal is None:
                vouch = await self._kept(work, seen.ra, card, seen.known, basis)
                return self._vouched(card, vouch)
        return await self._refuse(card, seen)

    def _in_person(self, token: str) -> CardGrant:
        card = proven(self._parts, token)
        if card.route != IN_PERSON:
            raise GrantRefused
        return card

    async def _look(self, view: View, token: str, card: CardGrant) -> _Seen:
        """Judge RA and card by the registry as it is now. An RA whose own card is not good is no RA."""
        ra = await ra_now(self._parts, view, token)
        if isinstance(ra, Refused):
            raise GrantRefused
        known = await view.own_profile(card.card_ref)
        refusal = against(known, card.certificate_expires_at, self._parts.clock.now())
        if known is not None:
            refusal = may_not_vouch(ra.holder_ref, ra.organisations, known.held) or refusal
        return _Seen(ra, known, refusal)

    async def _kept(self, work: Work, ra: Ra, card: CardGrant, known: OwnProfile, basis: Basis) -> Vouch:
        """Return the session's vouch, told as it is made. Raises GrantRefused where it is another RA's."""
        before = await work.vouch_of(card.session_id)
        if before is not None:
            if (before.ra_ref, before.card_ref) != (ra.holder_ref, card.card_ref):
                raise GrantRefused
            return before
        vouch = Vouch(
            session_id=card.session_id,
            grant_id=self._parts.randomness.uuid7(),
            card_ref=card.card_ref,
            holder_ref=known.held.holder_ref,
            ra_ref=ra.holder_ref,
            basis=basis,
            vouched_at=self._parts.clock.now(),
        )
        await work.keep_vouch(vouch)
        await work.tell(VouchedInPerson(vouch, known.held.organisation, ra.grant.session_id))
        return vouch

    def _vouched(self, card: CardGrant, vouch: Vouch) -> Vouched:
        actor, now = ("RA", vouch.ra_ref), self._parts.clock.now()
        grant = unlock_grant(card, vouch.grant_id, vouch.holder_ref, actor, now)
        return Vouched(self._parts.signer.sign(grant), grant.expires_at)

    async def _refuse(self, card: CardGrant, seen: _Seen) -> Refused:
        held = seen.known.held if seen.known else None
        refusal, now = seen.refusal or Refusal.CARD_UNKNOWN, self._parts.clock.now()
        return await refuse(self._parts, card, held, refusal, now, ra_ref=seen.ra.holder_ref)
