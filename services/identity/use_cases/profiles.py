"""What a holder can do who was proven on their card: sign in, see their profile, change how to reach them.

Each call judges card and holder anew: a card that was frozen a second ago ends it here. R31, R32, R56.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.identity.domain.address import domain_of
from services.identity.domain.contact import AddressTrouble, Contact, trouble_with, typed_address
from services.identity.domain.eligibility import Refusal, mail_refusal
from services.identity.domain.facts import ContactChanged
from services.identity.domain.holder import Address, OwnProfile, RegistrationAuthority
from services.identity.ports import NoNumber, Numbers, View, Work
from services.identity.use_cases import NO_ADDRESS, SHORTEST_GRANT, Parts, Refused, refuse
from services.identity.use_cases.signed_in import against, profile_grant, refused_now
from services.runtime.grants import PURPOSE_PROFILE, CardGrant, GrantRefused, ProfileGrant

SIGNED_IN_FOR = timedelta(minutes=10)
"""Source: architecture §2, table of grants."""

HOLDER_VERIFIED = "HOLDER_VERIFIED"

LONGEST_ROLES = 2400
"""Characters of a grant's roles: 200 with codes of eight letters. A browser's cookie has to hold it."""

BY_HOLDER = "holder"
"""Who set an address that its holder typed."""


@dataclass(frozen=True)
class SignedIn:
    """Whoever holds this card is signed in."""

    profile_grant: str = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True)
class Profile:
    """A holder's own profile, for their own eyes."""

    name: str = field(repr=False)
    address: str = field(repr=False)
    mobile: str = field(repr=False)
    nudge: str
    """Why no code could be sent; empty where one could. R30, R34."""
    roles: tuple[str, ...]
    registration_authority: RegistrationAuthority


@dataclass(frozen=True)
class ContactRefused:
    """What was typed cannot stand; empty where that field is good."""

    address_code: str
    mobile_code: str


class Profiles:
    """SignIn, GetProfile and UpdateContact."""

    def __init__(self, parts: Parts, numbers: Numbers) -> None:
        self._parts = parts
        self._numbers = numbers

    async def sign_in(self, token: str) -> SignedIn | Refused:
        """Sign in whom a card has proven to hold it. Raises GrantRefused for any lesser proof."""
        card = self._parts.grants.verify(token, CardGrant)
        if card.purpose != PURPOSE_PROFILE or card.level != HOLDER_VERIFIED:
            raise GrantRefused
        now = self._parts.clock.now()
        async with self._parts.store.read() as view:
            known = await view.own_profile(card.card_ref)
        refusal = against(known, card.certificate_expires_at, now)
        if known is None or refusal is not None:
            held = known.held if known else None
            return await refuse(self._parts, card, held, refusal or Refusal.CARD_UNKNOWN, now)
        grant = self._grant(card, known, now)
        return SignedIn(self._parts.signer.sign(grant), grant.expires_at)

    def _grant(self, card: CardGrant, known: OwnProfile, now: datetime) -> ProfileGrant:
        if card.expires_at - now < SHORTEST_GRANT:
            raise GrantRefused
        return ProfileGrant(
            session_id=card.session_id,
            card_ref=card.card_ref,
            reason=card.reason,
            route=card.route,
            agent_key_thumbprint=card.agent_key_thumbprint,
            jti=self._parts.randomness.uuid7(),
            issued_at=now,
            expires_at=now + SIGNED_IN_FOR,
            purpose=card.purpose,
            holder_ref=known.held.holder_ref,
            organisation=known.held.organisation,
            roles=_that_fit(known.roles),
        )

    async def profile(self, token: str) -> Profile | Refused:
        """Show the profile of whoever is signed in. Raises GrantRefused."""
        grant = profile_grant(self._parts, token)
        async with self._parts.store.read() as view:
            known = await view.own_profile(grant.card_ref)
            refused = refused_now(self._parts, grant, known)
            if known is None or refused is not None:
                return refused or Refused(Refusal.CARD_UNKNOWN.value, None)
            return await _shown(view, known)

    async def update_contact(
        self, token: str, address: str, mobile: str
    ) -> Profile | Refused | ContactRefused:
        """Let what was typed stand, and tell of what changed. Raises GrantRefused."""
        grant = profile_grant(self._parts, token)
        async with self._parts.store.begin("identity.update_contact") as work:
            await work.lock_holder(grant.holder_ref)
            known = await work.own_profile(grant.card_ref)
            refused = refused_now(self._parts, grant, known)
            if known is None or refused is not None:
                return refused or Refused(Refusal.CARD_UNKNOWN.value, None)
            contact = await self._judged(work, known, address, mobile)
            if isinstance(contact, ContactRefused):
                return contact
            await self._store(work, grant, known, contact)
            after = await work.own_profile(grant.card_ref)
            return await _shown(work, after or known)

    async def _judged(
        self, work: Work, known: OwnProfile, address: str, mobile: str
    ) -> Contact | ContactRefused:
        # What stands is not judged anew, neither the number nor, below, the address.
        number, mobile_code = (mobile, "") if mobile == known.mobile else self._number(mobile)
        typed = typed_address(address)
        if isinstance(typed, AddressTrouble):
            return ContactRefused(typed.value, mobile_code)
        standing = _standing(known).address
        entries = await work.allow_list_for(domain_of(typed), known.held.organisation) if typed else ()
        # What stands is not set anew: whoever changes the number alone is not judged by the address.
        trouble = trouble_with(typed, standing, entries) if typed != standing else None
        if trouble or mobile_code:
            return ContactRefused(trouble.value if trouble else "", mobile_code)
        return Contact(typed, number)

    def _number(self, text: str) -> tuple[str, str]:
        """The number in E.164 and why there is none, one of them empty."""
        if not text.strip():
            return "", ""
        try:
            return self._numbers.canonical(text), ""
        except NoNumber:
            return "", "MOBILE_MALFORMED"

    async def _store(self, work: Work, grant: ProfileGrant, known: OwnProfile, contact: Contact) -> None:
        """Store and tell what differs; nothing where all of it stands already."""
        now, standing = self._parts.clock.now(), _standing(known)
        version = standing.version
        if contact.address != standing.address:
            version += 1
            await work.set_address(grant.holder_ref, Address(version, contact.address, now, BY_HOLDER))
        mobile_changed = contact.mobile != known.mobile
        if mobile_changed:
            await work.set_mobile(grant.holder_ref, contact.mobile)
        if mobile_changed or version != standing.version:
            await work.tell(
                ContactChanged(
                    holder_ref=grant.holder_ref,
                    organisation=known.held.organisation,
                    session_id=grant.session_id,
                    card_ref=grant.card_ref,
                    actor_kind="HOLDER",
                    actor_ref=grant.holder_ref,
                    old_version=standing.version,
                    version=version,
                    mobile_changed=mobile_changed,
                    at=now,
                )
            )


def _that_fit(roles: Iterable[str]) -> str:
    """Return the roles as a grant names them: the first by name, where it cannot name all."""
    named = " ".join(sorted(roles))
    return named if len(named) <= LONGEST_ROLES else named[: LONGEST_ROLES + 1].rpartition(" ")[0]


def _standing(known: OwnProfile) -> Address:
    return known.held.address or NO_ADDRESS


async def _shown(view: View, known: OwnProfile) -> Profile:
    address = _standing(known).address
    entries = await view.allow_list_for(domain_of(address), known.held.organisation) if address else ()
    nudge = mail_refusal(known.held.address, entries)
    return Profile(
        name=known.name,
        address=address or "",
        mobile=known.mobile,
        nudge=nudge.value if nudge else "",
        roles=known.roles,
        registration_authority=known.held.registration_authority,
    )
