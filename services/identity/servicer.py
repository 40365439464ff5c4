"""gRPC to use cases and back: translation only."""

from typing import Any

from smartcard_unlock.common.v1 import common_pb2 as common
from smartcard_unlock.identity.v1 import identity_pb2 as identity
from smartcard_unlock.identity.v1 import identity_pb2_grpc

from services.identity.domain.allow_list import AllowedDomain
from services.identity.domain.holder import RegistrationAuthority
from services.identity.domain.questions import QUESTIONS
from services.identity.finding import Finder
from services.identity.use_cases import Asked, Holders, Refused, Resolved
from services.identity.use_cases.profiles import ContactRefused, Profile, Profiles
from services.identity.use_cases.telling import Kind, Telling
from services.runtime.timestamps import timestamp_of

_KINDS: dict[int, Kind] = {
    identity.MESSAGE_KIND_ADDRESS_CHANGED: Kind.ADDRESS_CHANGED,
    identity.MESSAGE_KIND_UNLOCKED: Kind.UNLOCKED,
    identity.MESSAGE_KIND_CARD_FROZEN: Kind.CARD_FROZEN,
    identity.MESSAGE_KIND_RA_TEAM: Kind.RA_TEAM,
}


class IdentityServicer(identity_pb2_grpc.IdentityServiceServicer):
    """IdentityService. GrantRefused becomes a status in the server."""

    def __init__(self, holders: Holders, finder: Finder, profiles: Profiles, telling: Telling) -> None:
        self._holders = holders
        self._finder = finder
        self._profiles = profiles
        self._telling = telling

    async def ResolveHolder(  # noqa: N802
        self, request: identity.ResolveHolderRequest, context: Any
    ) -> identity.ResolveHolderResponse:
        """Judge whether the holder may go on."""
        answer = await self._holders.resolve(request.card_grant)
        if isinstance(answer, Resolved):
            resolved = identity.HolderResolved(
                holder_grant=answer.holder_grant,
                masked_address=answer.masked_address,
                expires_at=timestamp_of(answer.expires_at),
                registration_authority=_authority(answer.registration_authority),
                nudge=answer.nudge,
            )
            return identity.ResolveHolderResponse(resolved=resolved)
        if isinstance(answer, Asked):
            asked = identity.QuestionsAsked(
                questions=map(question_message, answer.questions), tries_left=answer.tries_left
            )
            return identity.ResolveHolderResponse(questions=asked)
        return identity.ResolveHolderResponse(refused=refused_message(answer))

    async def ReportNoMailbox(  # noqa: N802
        self, request: identity.ReportNoMailboxRequest, context: Any
    ) -> identity.ReportNoMailboxResponse:
        """Take the holder's word that they cannot read their mail."""
        answer = await self._holders.no_mailbox(request.card_grant)
        return identity.ReportNoMailboxResponse(refused=refused_message(answer))

    async def GetDeliveryAddress(  # noqa: N802
        self, request: identity.GetDeliveryAddressRequest, context: Any
    ) -> identity.GetDeliveryAddressResponse:
        """Give the address of that version, or say that it no longer stands."""
        kind = _KINDS.get(request.kind, Kind.OTHER)
        told = await self._telling.delivery_address(
            request.holder_ref, request.address_version, kind, request.card_ref
        )
        answer = told.delivery
        if answer.refused_code:
            return identity.GetDeliveryAddressResponse(refused_code=answer.refused_code)
        return identity.GetDeliveryAddressResponse(address=answer.address, freeze_token=told.freeze_token)

    async def FreezeCard(  # noqa: N802
        self, request: identity.FreezeCardRequest, context: Any
    ) -> identity.FreezeCardResponse:
        """Freeze a card by the token of a mail."""
        answer = await self._telling.freeze_card(request.token)
        if isinstance(answer, str):
            return identity.FreezeCardResponse(refused_code=answer)
        return identity.FreezeCardResponse(registration_authority=_authority(answer))

    async def FindRA(  # noqa: N802
        self, request: identity.FindRARequest, context: Any
    ) -> identity.FindRAResponse:
        """Find organisations by name or code."""
        answer = await self._finder.find_ra(request.query)
        return identity.FindRAResponse(found=map(_authority, answer.authorities), more=answer.more)

    async def ListApprovedDomains(  # noqa: N802
        self, request: identity.ListApprovedDomainsRequest, context: Any
    ) -> identity.ListApprovedDomainsResponse:
        """List the approved mail domains."""
        answer = await self._finder.approved_domains(request.organisation)
        return identity.ListApprovedDomainsResponse(
            for_all=map(_domain, answer.for_all),
            for_organisation=map(_domain, answer.for_organisation),
            organisation_name=answer.organisation_name,
        )

    async def SignIn(  # noqa: N802
        self, request: identity.SignInRequest, context: Any
    ) -> identity.SignInResponse:
        """Sign a proven holder in."""
        answer = await self._profiles.sign_in(request.card_grant)
        if isinstance(answer, Refused):
            return identity.SignInResponse(refused=refused_message(answer))
        signed_in = identity.SignedIn(
            profile_grant=answer.profile_grant, expires_at=timestamp_of(answer.expires_at)
        )
        return identity.SignInResponse(signed_in=signed_in)

    async def GetProfile(  # noqa: N802
        self, request: identity.GetProfileRequest, context: Any
    ) -> identity.GetProfileResponse:
        """Show a holder their own profile."""
        answer = await self._profiles.profile(request.profile_grant)
        if isinstance(answer, Refused):
            return identity.GetProfileResponse(refused=refused_message(answer))
        return identity.GetProfileResponse(profile=_profile(answer))

    async def UpdateContact(  # noqa: N802
        self, request: identity.UpdateContactRequest, context: Any
    ) -> identity.UpdateContactResponse:
        """Set contact details."""
        answer = await self._profiles.update_contact(request.profile_grant, request.address, request.mobile)
        if isinstance(answer, Refused):
            return identity.UpdateContactResponse(refused=refused_message(answer))
        if isinstance(answer, ContactRefused):
            refused = identity.ContactRefused(
                address_code=answer.address_code, mobile_code=answer.mobile_code
            )
            return identity.UpdateContactResponse(contact_refused=refused)
        return identity.UpdateContactResponse(profile=_profile(answer))


def _domain(entry: AllowedDomain) -> identity.ApprovedDomain:
    return identity.ApprovedDomain(domain=entry.domain, subdomains=entry.subdomains)


def question_message(code: str) -> identity.SecurityQuestion:
    """Return a question with its words."""
    return identity.SecurityQuestion(code=code, text=QUESTIONS[code])


def refused_message(answer: Refused) -> identity.HolderRefused:
    """Return why a card is not good, with whom to ask."""
    known = answer.registration_authority
    return identity.HolderRefused(
        code=answer.code,
        registration_authority=_authority(known) if known else None,
        can_ask_colleagues=answer.can_ask_colleagues,
    )


def _profile(profile: Profile) -> identity.Profile:
    return identity.Profile(
        name=profile.name,
        address=profile.address,
        mobile=profile.mobile,
        nudge=profile.nudge,
        roles=profile.roles,
        registration_authority=_authority(profile.registration_authority),
    )


def _authority(authority: RegistrationAuthority) -> common.RegistrationAuthority:
    return common.RegistrationAuthority(
        organisation=authority.organisation,
        name=authority.name,
        telephone=authority.telephone,
        email=authority.email,
        opening_hours=authority.opening_hours,
    )
