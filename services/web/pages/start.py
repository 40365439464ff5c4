"""From the start page to a session: why the holder came, and which workstation they sit at."""

from typing import Any

from starlette.responses import RedirectResponse, Response

from services.runtime import errors
from services.web import texts
from services.web.domain import entries
from services.web.domain.journey import AFTERLIFE, CARD, SIGN_IN, START, Reason
from services.web.pages.steps import ended, place_of, session_of
from services.web.ports import Refused
from services.web.security import sent_by_another_site
from services.web.visit import Stop, Visit, fresh_journey


async def show_start(visit: Visit) -> Response:
    """Say what this is and what is needed; offer to go on where an unlock is under way."""
    if visit.journey.heading_for:
        visit.answered(heading_for="")
    return visit.page("start.jinja", go_on=await _under_way(visit))


async def _under_way(visit: Visit) -> str:
    """Return the page of an unlock under way; empty where there is none, or nobody can tell."""
    if not visit.journey.session_id:
        return ""
    try:
        view = await session_of(visit)
    except errors.ServiceError:
        return ""
    return "" if ended(view) else place_of(visit, view)


async def open_by_agent(visit: Visit) -> Response:
    """Take the token from the agent's one-time address into the sealed cookie, and out of the address."""
    token = visit.request.path_params["token"]
    if sent_by_another_site(visit.request.headers):
        raise Stop("OPENED_FROM_ELSEWHERE", status=403)
    if not entries.ADDRESS_TOKEN.fullmatch(token):
        raise Stop("PAIRING_UNKNOWN", status=404)
    heading_for = visit.journey.heading_for
    visit.journey = fresh_journey(visit.house.clock, visit.house.randomness)
    visit.answered(address_token=token, heading_for=heading_for)
    return visit.move(SIGN_IN if heading_for else "/reason")


async def show_reason(visit: Visit) -> Response:
    """Ask why the holder came."""
    return visit.page("reason.jinja", error="")


async def choose_reason(visit: Visit) -> Response:
    """Keep the reason; go on with the agent's address where it led here, else ask for its code."""
    chosen = visit.form.get("reason", "")
    if chosen not in {reason for reason, *_ in texts.REASONS}:
        return visit.page("reason.jinja", error=texts.REASON_MISSING, status=400)
    visit.answered(heading_for="")
    return await begin(visit, Reason(chosen))


async def begin(visit: Visit, reason: Reason) -> Response:
    """Claim the session of the agent that led here, for this reason; ask for its code where none did."""
    if visit.journey.session_id:
        leave_session(visit)
    visit.answered(reason=reason)
    return await _claim(visit, "") if visit.journey.address_token else visit.move("/pair")


def leave_session(visit: Visit, **begun: Any) -> None:
    """Forget the session and all that was said in it; it ends at its deadline.

    `begun`: what the journey is to remember of the next one, where that is known already.
    """
    visit.journey = visit.journey.without_session(visit.now())
    visit.step_up(**begun)


async def show_pair(visit: Visit) -> Response:
    """Ask for the code that the agent shows."""
    if visit.journey.reason is None:
        return visit.move("/reason")
    return visit.page("pair.jinja", error="")


async def enter_pairing_code(visit: Visit) -> Response:
    """Claim the session of the agent that shows this code."""
    if visit.journey.reason is None:
        return visit.move("/reason")
    code = entries.pairing_code(visit.form.get("pairing_code", ""))
    if code is None:
        return visit.page("pair.jinja", error=texts.PAIRING_MISSING, status=400)
    return await _claim(visit, code)


async def _claim(visit: Visit, code: str) -> Response:
    """Claim a session by the agent's address, or by its code; once."""
    journey = visit.journey
    if journey.reason is None:
        return visit.move("/reason")
    answer = await visit.peers.gateway.start_session(
        address_token="" if code else journey.address_token,
        pairing_code=code,
        reason=journey.reason,
        attempt_id=visit.attempt_id,
        client_address=visit.client_address,
    )
    if isinstance(answer, Refused):
        return _not_claimed(visit, answer, by_code=bool(code))
    ends_at = answer.deadline + AFTERLIFE
    visit.step_up(session_id=answer.session_id, claim=answer.claim, address_token="", ends_at=ends_at)
    return visit.move(CARD)


def _not_claimed(visit: Visit, refused: Refused, *, by_code: bool) -> Response:
    """An address that is spent leads to the typed code; a wrong code may be typed again."""
    visit.answered(address_token="")
    if refused.code != "PAIRING_UNKNOWN":
        raise Stop(refused.code, status=429)
    return visit.page("pair.jinja", error=texts.PAIRING_UNKNOWN if by_code else texts.ADDRESS_SPENT)


async def redirect_old_address(visit: Visit) -> Response:
    """Lead bookmarks of the old service here for good. R46, R27."""
    del visit
    return RedirectResponse(START, status_code=301)
