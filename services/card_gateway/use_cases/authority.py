"""What the grants of others entitle to here: checked against our own rows, claim by claim."""

from datetime import datetime

from services.card_gateway.domain.facts import Actor
from services.card_gateway.domain.session import Authority, Session
from services.card_gateway.domain.words import VOUCHED_FOR, ActorKind, Reason, Route
from services.card_gateway.ports import Outside
from services.runtime.grants import (
    PURPOSE_PROFILE,
    PURPOSE_UNLOCK,
    Grant,
    GrantRefused,
    HolderGrant,
    ProfileGrant,
    UnlockGrant,
    thumbprint,
)

RA_OF = "RA@"
"""How a role begins that lets somebody act for the holders of an organisation."""
_ACTORS_OF_ROUTE = {
    Route.SELF: (ActorKind.HOLDER, ActorKind.COLLEAGUES),
    Route.RA_IN_PERSON: (ActorKind.RA,),
}


def holder_let_through(outside: Outside, session: Session, token: str) -> HolderGrant:
    """The fresh HolderGrant of this session and card. Raises GrantRefused."""
    grant = outside.grants.verify(token, HolderGrant)
    _require(_binds(grant, session))
    known = session.authority
    _require(known is None or known.holder_ref == grant.holder_ref)
    return grant


def unlock_permitted(outside: Outside, session: Session, token: str, holder: HolderGrant) -> UnlockGrant:
    """The UnlockGrant for this holder, session and card. Raises GrantRefused."""
    grant = outside.grants.verify(token, UnlockGrant)
    _require(_binds(grant, session) and grant.holder_ref == holder.holder_ref)
    actors = _ACTORS_OF_ROUTE[session.route] if session.route else ()
    _require(grant.actor_kind in [kind.value for kind in actors])
    _require(_may_act(outside, grant, session))
    return grant


def _may_act(outside: Outside, grant: UnlockGrant, session: Session) -> bool:
    """A holder for themselves; an RA in the session that they began, and never for themselves. R36.

    Colleagues only where the deployment lets them, and never for themselves or a holder who knows the PIN.
    """
    if grant.actor_kind == ActorKind.COLLEAGUES.value:
        is_another = grant.actor_ref not in ("", grant.holder_ref)
        return outside.remote_vouch and session.reason in VOUCHED_FOR and is_another
    if session.route is Route.RA_IN_PERSON:
        return bool(session.ra_ref) and grant.actor_ref == session.ra_ref != grant.holder_ref
    return grant.actor_ref in ("", grant.holder_ref)


def ra_signed_in(outside: Outside, token: str) -> ProfileGrant:
    """The grant of an RA who was proven on their own card. Raises GrantRefused."""
    grant = outside.grants.verify(token, ProfileGrant)
    is_ra = any(role.startswith(RA_OF) for role in grant.roles.split())
    _require(grant.purpose == PURPOSE_PROFILE and is_ra)
    return grant


def authority_of(holder: HolderGrant, unlock: UnlockGrant, now: datetime) -> Authority:
    """What the session keeps of the two grants."""
    actor = Actor(ActorKind(unlock.actor_kind), unlock.actor_ref or holder.holder_ref)
    return Authority(holder.holder_ref, holder.organisation, holder.address_version, actor, now)


def authority_of_holder(holder: HolderGrant) -> Authority:
    """What a CHANGE keeps of its one grant: the card itself judges the current PIN. I2."""
    actor = Actor(ActorKind.HOLDER, holder.holder_ref)
    return Authority(holder.holder_ref, holder.organisation, holder.address_version, actor, None)


def _binds(grant: Grant, session: Session) -> bool:
    card, reason, route = session.card, session.reason, session.route
    return (
        card is not None
        and reason is not None
        and reason is not Reason.SIGN_IN
        and route is not None
        and grant.purpose == PURPOSE_UNLOCK
        and grant.session_id == session.session_id
        and grant.card_ref == card.card_ref
        and grant.reason == reason.value
        and grant.route == route.value
        and grant.agent_key_thumbprint == thumbprint(session.agent_public_key)
    )


def _require(good: bool) -> None:
    if not good:
        raise GrantRefused
