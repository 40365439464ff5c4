"""Who acts: the holder of a ProfileGrant, as the registry knows them now; and whether they are an RA."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.identity.domain.desk import organisations_of
from services.identity.domain.eligibility import Refusal, card_refusal
from services.identity.domain.holder import OwnProfile
from services.identity.ports import View
from services.identity.use_cases import Parts, Refused
from services.runtime.grants import PURPOSE_PROFILE, GrantRefused, MailboxGrant, ProfileGrant


@dataclass(frozen=True)
class Ra:
    """A Registration Authority who is signed in, and whose card is good."""

    grant: ProfileGrant = field(repr=False)
    organisations: Sequence[str]

    @property
    def holder_ref(self) -> str:
        """The RA as a holder: who acts, and for whom they may not."""
        return self.grant.holder_ref


def profile_grant(parts: Parts, token: str) -> ProfileGrant:
    """Return the grant of whoever is signed in. Raises GrantRefused."""
    grant = parts.grants.verify(token, ProfileGrant)
    if grant.purpose != PURPOSE_PROFILE:
        raise GrantRefused
    return grant


def refused_now(parts: Parts, grant: ProfileGrant | MailboxGrant, known: OwnProfile | None) -> Refused | None:
    """Why the card does not speak for its holder any more. Raises GrantRefused for another holder's."""
    if known is not None and known.held.holder_ref != grant.holder_ref:
        raise GrantRefused
    now = parts.clock.now()
    registered = known.held.certificate_expires_at if known else None
    refusal = against(known, registered or grant.expires_at, now)
    if refusal is None:
        return None
    return Refused(refusal.value, known.held.registration_authority if known else None)


def against(known: OwnProfile | None, certificate_expires_at: datetime, now: datetime) -> Refusal | None:
    """Why a card may not be used, or None."""
    return card_refusal(known.held, certificate_expires_at, now) if known else Refusal.CARD_UNKNOWN


async def ra_now(parts: Parts, view: View, token: str) -> Ra | Refused:
    """Return the RA who is signed in, with the organisations they act for now.

    Raises GrantRefused for everybody else: a role that was taken back counts at once.
    """
    grant = profile_grant(parts, token)
    known = await view.own_profile(grant.card_ref)
    refused = refused_now(parts, grant, known)
    organisations = organisations_of(known.roles) if known else ()
    if refused is not None:
        return refused
    if not organisations or not organisations_of(grant.roles.split()):
        raise GrantRefused
    return Ra(grant, organisations)
