"""Find your Registration Authority: without a login, without JavaScript, forgiving of typing errors. R37."""

from starlette.responses import Response

from services.runtime import errors
from services.web import texts
from services.web.domain.questions import QuestionsAsked
from services.web.pages.steps import session_of
from services.web.ports import RegistrationAuthority
from services.web.search_limit import LONGEST_SEARCH
from services.web.security import client_address
from services.web.visit import Stop, Visit

FIELD = "organisation"


async def show_find_ra(visit: Visit) -> Response:
    """Ask for an organisation and list what fits; who came with a card sees their own RA first."""
    known = await _of_this_holder(visit)
    if FIELD not in visit.request.query_params:
        return visit.page("find_ra.jinja", known=known, typed="", found=None, error="")
    typed = visit.request.query_params[FIELD].strip()
    error = _error(typed)
    if error:
        page = {"typed": typed[:LONGEST_SEARCH], "found": None, "error": error}
        return visit.page("find_ra.jinja", status=400, known=known, **page)
    if not visit.house.searches.admits(_sender(visit)):
        raise Stop("TOO_MANY_SEARCHES", known, status=429)
    found = await visit.peers.identity.find_ra(typed)
    return visit.page("find_ra.jinja", known=known, typed=typed, found=found, error="")


def _error(typed: str) -> str:
    if not typed:
        return texts.ORGANISATION_MISSING
    return texts.ORGANISATION_TOO_LONG if len(typed) > LONGEST_SEARCH else ""


def _sender(visit: Visit) -> str:
    forwarded = visit.request.headers.get("x-forwarded-for", "")
    return client_address(visit.request.scope, forwarded, visit.house.settings.TRUSTED_HOPS)


async def _of_this_holder(visit: Visit) -> RegistrationAuthority | None:
    """Return the RA of the holder whose card was read in this journey; None where nobody can tell."""
    if not visit.journey.session_id:
        return None
    try:
        view = await session_of(visit)
        if not view.card_grant:
            return None
        answer = await visit.peers.identity.resolve_holder(view.card_grant)
        return None if isinstance(answer, QuestionsAsked) else answer.registration_authority
    except errors.ServiceError:
        return None
