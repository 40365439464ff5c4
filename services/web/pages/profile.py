"""My profile: contact details, shown and changed while the card that signed in stays in. R31, R32, R40, R56.

The gateway is asked before each page and each change: a card that was out for a moment has to prove its
holder again.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from starlette.responses import Response

from services.runtime import errors
from services.web import texts
from services.web.domain.journey import CONTACT_UPDATED, SIGN_IN, Reason, State
from services.web.domain.questions import Offered
from services.web.pages.steps import place_of, session_of
from services.web.ports import ContactRefused, Profile, Reader, Refused, SessionView
from services.web.visit import Elsewhere, Stop, Visit

SIGNED_OUT = "SIGNED_OUT"
CARD_LEFT = "CARD_LEFT"

A = TypeVar("A")


async def show_profile(visit: Visit) -> Response:
    """Show who is signed in, and how they are reached; the first time, sign them in by their proof."""
    view = await attended(visit)
    if not visit.journey.profile_grant:
        await _sign_in(visit, view)
        if visit.journey.heading_for:
            return visit.move(visit.journey.heading_for)
    profile = await own_profile(visit)
    return visit.page("profile.jinja", profile=profile, offered=await _offered(visit), since=view.version)


async def _offered(visit: Visit) -> Offered | None:
    """Tell whether the holder is registered; None where no security questions are asked."""
    if not visit.house.settings.asks_questions:
        return None
    grant = visit.journey.profile_grant
    answer = await answered(visit, lambda: visit.peers.registration.questions(grant))
    if isinstance(answer, Refused):
        raise Stop(answer.code, answer.registration_authority)
    return answer


async def attended(visit: Visit, *, since: int = 0, wait: int = 0) -> SessionView:
    """Return the session that a holder signed in by, whose card is still in the reader. R31, R56."""
    if not visit.journey.session_id:
        raise Elsewhere(SIGN_IN)
    view = await session_of(visit, since=since, wait=wait)
    if view.reason is not Reason.SIGN_IN or view.state is not State.SUCCESS:
        raise Elsewhere(place_of(visit, view))
    if view.code or view.reader is not Reader.CARD:
        raise Stop(CARD_LEFT)
    return view


async def _sign_in(visit: Visit, view: SessionView) -> None:
    """Exchange the card's proof of its holder for a grant. A proof is good for five minutes."""
    if not view.card_grant:
        raise Stop(SIGNED_OUT)
    answer = await answered(visit, lambda: visit.peers.identity.sign_in(view.card_grant))
    if isinstance(answer, Refused):
        raise Stop(answer.code, answer.registration_authority)
    visit.step_up(profile_grant=answer.profile_grant, signed_in_until=answer.expires_at)


async def own_profile(visit: Visit) -> Profile:
    """Return the profile of whoever is signed in; leads to the sign-in where nobody is."""
    grant = visit.journey.profile_grant
    if not grant:
        raise Elsewhere(SIGN_IN)
    answer = await answered(visit, lambda: visit.peers.identity.profile(grant))
    if isinstance(answer, Refused):
        raise Stop(answer.code, answer.registration_authority)
    return answer


async def answered(visit: Visit, ask: Callable[[], Awaitable[A]]) -> A:
    """The answer of identity; a grant that has ended signs out."""
    try:
        return await ask()
    except errors.ServiceError as error:
        if error.code != "GRANT_REFUSED":
            raise
        visit.step_up(profile_grant="")
        raise Stop(SIGNED_OUT) from error


async def show_contact(visit: Visit) -> Response:
    """Offer the contact details to be confirmed or overwritten."""
    view = await attended(visit)
    profile = await own_profile(visit)
    shown: dict[str, Any] = {"address": profile.address, "mobile": profile.mobile, "since": view.version}
    return visit.page("contact.jinja", errors={}, **shown)


async def update_contact(visit: Visit) -> Response:
    """Let what was typed stand, or say at its field why it cannot."""
    address, mobile = visit.form.get("email", "")[:320], visit.form.get("mobile", "")[:40]
    grant = visit.journey.profile_grant
    if not grant:
        raise Elsewhere(SIGN_IN)
    view = await attended(visit)
    answer = await answered(visit, lambda: visit.peers.identity.update_contact(grant, address, mobile))
    if isinstance(answer, Refused):
        raise Stop(answer.code, answer.registration_authority)
    if isinstance(answer, ContactRefused):
        visit.answered()
        told = {"email": texts.CONTACT_REFUSED.get(answer.address_code, answer.address_code)}
        told["mobile"] = texts.CONTACT_REFUSED.get(answer.mobile_code, answer.mobile_code)
        codes = {"email": answer.address_code, "mobile": answer.mobile_code}
        shown: dict[str, Any] = {"address": address, "mobile": mobile, "since": view.version}
        return visit.page("contact.jinja", errors=told, codes=codes, status=400, **shown)
    visit.answered()
    return visit.move(CONTACT_UPDATED)


async def show_updated(visit: Visit) -> Response:
    """Confirm what stands now, and who was told."""
    view = await attended(visit)
    return visit.page("contact_updated.jinja", profile=await own_profile(visit), since=view.version)
