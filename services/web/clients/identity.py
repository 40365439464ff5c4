"""identity, over gRPC."""

from collections.abc import Iterable

import grpc
from smartcard_unlock.identity.v1 import identity_pb2, identity_pb2_grpc

from services.web import ports
from services.web.clients.wire import authority, instant
from services.web.domain.questions import Question, QuestionsAsked
from services.web.ports import (
    ApprovedDomain,
    ApprovedDomains,
    ContactRefused,
    FoundAuthorities,
    Holder,
    Profile,
    Refused,
    RegistrationAuthority,
    SignedIn,
)


class GrpcIdentity(ports.Identity):
    """identity."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = identity_pb2_grpc.IdentityServiceStub(channel)

    async def resolve_holder(self, card_grant: str) -> Holder | Refused | QuestionsAsked:
        """Judge anew whether the holder may unlock now."""
        response = await self._stub.ResolveHolder(identity_pb2.ResolveHolderRequest(card_grant=card_grant))
        if response.WhichOneof("verdict") == "resolved":
            found = response.resolved
            ra = authority(found.registration_authority)
            return Holder(found.holder_grant, found.masked_address, ra, found.nudge)
        if response.WhichOneof("verdict") == "questions":
            return QuestionsAsked(questions_of(response.questions.questions), response.questions.tries_left)
        return refused_of(response.refused)

    async def no_mailbox(self, card_grant: str) -> Refused:
        """Pass on that the holder cannot read mail at their address."""
        request = identity_pb2.ReportNoMailboxRequest(card_grant=card_grant)
        return refused_of((await self._stub.ReportNoMailbox(request)).refused)

    async def sign_in(self, card_grant: str) -> SignedIn | Refused:
        """Sign a proven holder in."""
        response = await self._stub.SignIn(identity_pb2.SignInRequest(card_grant=card_grant))
        if response.WhichOneof("verdict") == "signed_in":
            signed_in = response.signed_in
            return SignedIn(signed_in.profile_grant, instant(signed_in.expires_at))
        return refused_of(response.refused)

    async def profile(self, profile_grant: str) -> Profile | Refused:
        """Show a holder their own profile."""
        response = await self._stub.GetProfile(identity_pb2.GetProfileRequest(profile_grant=profile_grant))
        if response.WhichOneof("verdict") == "profile":
            return _profile(response.profile)
        return refused_of(response.refused)

    async def freeze_card(self, token: str) -> RegistrationAuthority | Refused:
        """Freeze a card."""
        response = await self._stub.FreezeCard(identity_pb2.FreezeCardRequest(token=token))
        if response.refused_code:
            return Refused(response.refused_code)
        return authority(response.registration_authority)

    async def update_contact(
        self, profile_grant: str, address: str, mobile: str
    ) -> Profile | Refused | ContactRefused:
        """Set contact details."""
        request = identity_pb2.UpdateContactRequest(
            profile_grant=profile_grant, address=address, mobile=mobile
        )
        response = await self._stub.UpdateContact(request)
        verdict = response.WhichOneof("verdict")
        if verdict == "profile":
            return _profile(response.profile)
        if verdict == "contact_refused":
            refused = response.contact_refused
            return ContactRefused(refused.address_code, refused.mobile_code)
        return refused_of(response.refused)

    async def find_ra(self, typed: str) -> FoundAuthorities:
        """Find organisations by roughly their name or code."""
        response = await self._stub.FindRA(identity_pb2.FindRARequest(query=typed))
        return FoundAuthorities(tuple(map(authority, response.found)), response.more)

    async def approved_domains(self, organisation: str) -> ApprovedDomains:
        """List the domains for all, and those of an organisation."""
        request = identity_pb2.ListApprovedDomainsRequest(organisation=organisation)
        response = await self._stub.ListApprovedDomains(request)
        return ApprovedDomains(
            tuple(ApprovedDomain(each.domain, each.subdomains) for each in response.for_all),
            tuple(ApprovedDomain(each.domain, each.subdomains) for each in response.for_organisation),
            response.organisation_name,
        )


def questions_of(listed: Iterable[identity_pb2.SecurityQuestion]) -> tuple[Question, ...]:
    """Return security questions with their words."""
    return tuple(Question(each.code, each.text) for each in listed)


def refused_of(refused: identity_pb2.HolderRefused) -> Refused:
    """Return why a card is not good, with whom to ask."""
    named = refused.HasField("registration_authority")
    ra = authority(refused.registration_authority) if named else None
    return Refused(refused.code or "INTERNAL", ra, can_ask_colleagues=refused.can_ask_colleagues)


def _profile(profile: identity_pb2.Profile) -> Profile:
    return Profile(
        name=profile.name,
        address=profile.address,
        mobile=profile.mobile,
        nudge=profile.nudge,
        roles=tuple(profile.roles),
        registration_authority=authority(profile.registration_authority),
    )
