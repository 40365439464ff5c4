"""What identity can be asked: may this card's holder unlock it, and where may a message go.

Refusals are told once a session and never remembered as answers: an address that the RA has
just added counts at the next call.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from services.identity.domain.address import domain_of, masked
from services.identity.domain.allow_list import allows
from services.identity.domain.colleagues import may_ask, may_be_spoken_for
from services.identity.domain.contact import hears_of_change
from services.identity.domain.eligibility import Refusal, card_refusal, mail_refusal, needs_mail
from services.identity.domain.facts import AddressProposalEnded, HolderRefused
from services.identity.domain.holder import Address, HeldCard, RegistrationAuthority
from services.identity.domain.proposal import Ending
from services.identity.domain.questions import Registration
from services.identity.ports import GrantReader, GrantWriter, Store, View
from services.identity.use_cases.words import let_through_by_colleagues
from services.runtime.clock import Clock
from services.runtime.errors import not_found
from services.runtime.grants import PURPOSE_UNLOCK, CardGrant, GrantRefused, HolderGrant
from services.runtime.randomness import Randomness

GRANT_LIFE = timedelta(minutes=5)
"""Short, so that a freeze counts at once. Source: architecture §2, table of grants."""

SHORTEST_GRANT = timedelta(seconds=1)
"""Grants count whole seconds: a shorter one would never be valid."""

REFUSED = "REFUSED"

NO_ADDRESS = Address(0, None, datetime.fromtimestamp(0, UTC), "")
"""What a grant says where no message can be sent: version 0."""


@dataclass(frozen=True)
class Resolved:
    """The holder may go on."""

    holder_grant: str = field(repr=False)
    masked_address: str = field(repr=False)
    expires_at: datetime
    registration_authority: RegistrationAuthority
    nudge: str = ""
    """Why no code could be sent, where none is needed this time. R30, R34."""


@dataclass(frozen=True)
class Refused:
    """The holder may not; the RA is named where the card is known."""

    code: str
    registration_authority: RegistrationAuthority | None
    can_ask_colleagues: bool = False
    """Two colleagues may vouch for the holder instead."""


@dataclass(frozen=True)
class Asked:
    """The holder's security questions come first. R48."""

    questions: tuple[str, ...]
    tries_left: int


@dataclass(frozen=True)
class Delivery:
    """An address to send one message to, or why there is none."""

    address: str = field(default="", repr=False)
    refused_code: str = ""


@dataclass(frozen=True)
class Parts:
    """What the use cases are given."""

    store: Store
    clock: Clock
    randomness: Randomness
    grants: GrantReader
    signer: GrantWriter
    change_needs_code: bool = False
    """Reason CHANGE asks for a mailed code too. R2."""
    questions: bool = False
    """Security questions are asked before a code is mailed: the old service's registration."""
    remote_vouch: bool = False
    """Two colleagues may vouch for a holder to whom no code can be mailed."""


LEVELS = ("GENUINE", "HOLDER_VERIFIED", "CLAIMED")
"""What a card has shown of itself; the last one has to prove itself in its reset, after the code."""


class Holders:
    """The use cases of identity."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def resolve(self, token: str) -> Resolved | Refused | Asked:
        """Judge whether the holder of a proven card may unlock it now. Raises GrantRefused."""
        card = proven(self._parts, token)
        now = self._parts.clock.now()
        async with self._parts.store.read() as view:
            held = await view.held_card(card.card_ref)
            refusal, mail, address = await judge(view, held, card, now)
            asked: Asked | None = None
            if held is not None and refusal is None and self.mails(card):
                refusal = mail and await or_waiting(view, held, mail, now)
                if mail is None and self._parts.questions:
                    refusal, asked = await _asked_first(view, held, card)
            can_ask = await may_ask_colleagues(self._parts, view, held, card, refusal)
            if held is not None and can_ask:
                through = await let_through_by_colleagues(view, card.session_id, held, now)
                refusal = None if through else refusal
        if held is None or refusal is not None:
            refused = await refuse(self._parts, card, held, refusal or Refusal.CARD_UNKNOWN, now)
            return replace(refused, can_ask_colleagues=can_ask)
        if asked is not None:
            return asked
        grant = self._grant(card, held, address, now)
        mask = masked(address.address) if address.address else ""
        token, authority = self._parts.signer.sign(grant), held.registration_authority
        return Resolved(token, mask, grant.expires_at, authority, mail.value if mail else "")

    async def no_mailbox(self, token: str) -> Refused:
        """Take the holder's word that they cannot read their mail (R35). Raises GrantRefused."""
        card = proven(self._parts, token)
        now = self._parts.clock.now()
        async with self._parts.store.read() as view:
            held = await view.held_card(card.card_ref)
            refusal, mail, _ = await judge(view, held, card, now)
            why = refusal or await or_waiting(view, held, mail or Refusal.NO_MAILBOX_ACCESS, now)
        return await refuse(self._parts, card, held, why, now)

    def mails(self, card: CardGrant) -> bool:
        """Tell whether this way leads over a mailed code."""
        return needs_mail(card.reason, card.route, change_needs_code=self._parts.change_needs_code)

    def _grant(self, card: CardGrant, held: HeldCard, address: Address, now: datetime) -> HolderGrant:
        """Return a grant that ends with the card's own at the latest. Raises GrantRefused."""
        expires_at = min(now + GRANT_LIFE, card.expires_at)
        if expires_at - now < SHORTEST_GRANT:
            raise GrantRefused
        return HolderGrant(
            session_id=card.session_id,
            card_ref=card.card_ref,
            reason=card.reason,
            route=card.route,
            agent_key_thumbprint=card.agent_key_thumbprint,
            jti=self._parts.randomness.uuid7(),
            issued_at=now,
            expires_at=expires_at,
            purpose=card.purpose,
            holder_ref=held.holder_ref,
            organisation=held.organisation,
            address_version=address.version,
            address_set_at=address.set_at,
            address_set_by=address.set_by,
        )

    async def delivery_address(self, holder_ref: str, version: int, *, of_change: bool = False) -> Delivery:
        """Return the address of that version, only while it stands (F14).

        A message `of_change` of the address goes to the version before too, for a while. R64.
        """
        async with self._parts.store.read() as view:
            holder = await view.known_holder(holder_ref)
            if of_change and holder is not None:
                return await self._told_of_change(view, holder_ref, holder.organisation, version)
        if holder is None:
            return Delivery(refused_code="HOLDER_UNKNOWN")
        address = holder.address
        if address is None or address.version != version or address.address is None:
            return Delivery(refused_code="ADDRESS_CHANGED")
        return Delivery(address=address.address)

    async def _told_of_change(self, view: View, holder_ref: str, organisation: str, version: int) -> Delivery:
        """Only where we may write to it at all: an address that was not on the list is not told."""
        past = await view.past_address(holder_ref, version)
        if past is None or past.address is None or not hears_of_change(past, self._parts.clock.now()):
            return Delivery(refused_code="ADDRESS_CHANGED")
        domain = domain_of(past.address)
        if not allows(await view.allow_list_for(domain, organisation), domain):
            return Delivery(refused_code="ADDRESS_NOT_ALLOWED")
        return Delivery(address=past.address)

    async def sweep(self) -> None:
        """Delete notes of outcomes of sessions long over, and proposed addresses that nobody confirmed."""
        now = self._parts.clock.now()
        async with self._parts.store.begin("identity.sweep") as work:
            await work.forget(now)
            lapsed = await work.lapsed_proposals(now)
        for holder_ref in lapsed:
            await self._lapse(holder_ref, now)

    async def _lapse(self, holder_ref: str, now: datetime) -> None:
        async with self._parts.store.begin("identity.lapse_proposal") as work:
            await work.lock_holder(holder_ref)
            if holder_ref not in await work.lapsed_proposals(now):
                return  # another took its place meanwhile
            proposal, holder = await work.end_proposal(holder_ref), await work.known_holder(holder_ref)
            if proposal and holder:
                ended = AddressProposalEnded(proposal, holder.organisation, Ending.LAPSED, "", now)
                await work.tell(ended)


def questions_on(parts: Parts) -> None:
    """Raise QUESTIONS_OFF where the policy is off. Asked after the grant: a bad one learns nothing."""
    if not parts.questions:
        raise not_found("QUESTIONS_OFF")


def proven(parts: Parts, token: str) -> CardGrant:
    """Return what the gateway says of a card that is to be unlocked. Raises GrantRefused."""
    card = parts.grants.verify(token, CardGrant)
    if card.purpose != PURPOSE_UNLOCK or card.level not in LEVELS:
        raise GrantRefused
    return card


async def refuse(
    parts: Parts,
    card: CardGrant,
    held: HeldCard | None,
    refusal: Refusal,
    now: datetime,
    *,
    ra_ref: str = "",
) -> Refused:
    """Tell REFUSED for this session, once, and answer why; `ra_ref` where an RA asked."""
    async with parts.store.begin("identity.refuse") as work:
        if await work.first_outcome(card.session_id, REFUSED, now):
            await work.tell(
                HolderRefused(
                    session_id=card.session_id,
                    code=refusal.value,
                    card_ref=card.card_ref,
                    holder_ref=held.holder_ref if held else "",
                    organisation=held.organisation if held else "",
                    reason=card.reason,
                    route=card.route,
                    at=now,
                    ra_ref=ra_ref,
                )
            )
    return Refused(refusal.value, held.registration_authority if held else None)


async def may_ask_colleagues(
    parts: Parts, view: View, held: HeldCard | None, card: CardGrant, refusal: Refusal | None
) -> bool:
    """Tell whether colleagues may vouch where a holder is refused so."""
    may = parts.remote_vouch and may_ask(card.reason, card.route, refusal)
    return may and held is not None and may_be_spoken_for(await view.own_profile(held.card_ref))


async def or_waiting(view: View, held: HeldCard | None, against: Refusal, now: datetime) -> Refusal:
    """Return that an address waits for a second RA, where one does; else what is against the mail."""
    waits = held is not None and await view.waiting_address(held.holder_ref, now)
    return Refusal.ADDRESS_WAITS if waits else against


async def judge(
    view: View, held: HeldCard | None, card: CardGrant, now: datetime
) -> tuple[Refusal | None, Refusal | None, Address]:
    """Return what is against the card, against mail, and the address that messages may go to."""
    if held is None:
        return Refusal.CARD_UNKNOWN, None, NO_ADDRESS
    refusal = card_refusal(held, card.certificate_expires_at, now)
    if refusal is not None:
        return refusal, None, NO_ADDRESS
    against = await against_mail(view, held)
    return None, against, held.address if against is None and held.address else NO_ADDRESS


async def against_mail(view: View, held: HeldCard) -> Refusal | None:
    """Return why no code may go to a holder, or None."""
    known = held.address.address if held.address else None
    entries = await view.allow_list_for(domain_of(known), held.organisation) if known else []
    return mail_refusal(held.address, entries)


async def registered(
    view: View, held: HeldCard, card: CardGrant
) -> tuple[Refusal | None, Registration | None]:
    """Return what the holder registered, and why their answers cannot be judged now."""
    registration = await view.registration_of(held.holder_ref)
    if registration is None:
        return Refusal.NOT_REGISTERED, None
    tries = await view.tries_of(held.holder_ref, card.card_ref)
    return (Refusal.ANSWERS_LOCKED if tries.left == 0 else None), registration


async def _asked_first(view: View, held: HeldCard, card: CardGrant) -> tuple[Refusal | None, Asked | None]:
    """Return what keeps a session from its code: a refusal, or questions that it did not answer yet."""
    refusal, registration = await registered(view, held, card)
    if registration is None or refusal is not None:
        return refusal, None
    if await view.has_answered(card.session_id, held.holder_ref, card.card_ref):
        return None, None
    left = (await view.tries_of(held.holder_ref, card.card_ref)).left
    return None, Asked(registration.questions, left)
