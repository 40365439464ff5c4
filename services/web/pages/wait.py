"""The long poll behind the pages that move on by themselves."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.responses import JSONResponse, Response

from services.web.domain.journey import (
    ADDRESS,
    CARD,
    CODE,
    COLLEAGUES_CODE,
    PROFILE,
    REGISTER_CODE,
    START,
    UNKNOWN,
    WORKING,
    belongs,
)
from services.web.pages import colleagues, registering
from services.web.pages.code import delivery_of
from services.web.pages.profile import attended
from services.web.pages.steps import holder_of, place_of, session_of, standing_of
from services.web.ports import CodeStatus, Delivery, SessionView
from services.web.visit import Elsewhere, Stop, Visit

WAIT_SECONDS = 20
"""The longest wait of GetSession, by its contract."""
LOOKS = 8
PAUSE_SECONDS = 2.0
"""Between two looks at what nobody waits with us for: mail, and colleagues."""
WILL_NOT_ARRIVE = (Delivery.NOT_SENT, Delivery.BOUNCED)

A = TypeVar("A")

FRAGMENTS = {CARD: "_card.jinja", WORKING: "_working.jinja", UNKNOWN: "_unknown.jinja"}


async def wait(visit: Visit) -> Response:
    """Answer when something changed, or after a while: where to go, or what to show now."""
    at = visit.request.query_params.get("at", "")
    since = visit.request.query_params.get("since", "")[:40]
    asked = _WAITS.get(at)
    try:
        return await (asked(visit, since) if asked else _wait_for_session(visit, at, since))
    except Elsewhere as elsewhere:
        return JSONResponse({"go": elsewhere.path})
    except Stop:
        # The page itself tells of it when it is loaded again.
        return JSONResponse({"go": at if at in (*FRAGMENTS, *_WAITS) else START})


async def _wait_for_session(visit: Visit, at: str, since: str) -> Response:
    if at not in FRAGMENTS:
        raise Elsewhere(START)
    view = await session_of(visit, since=_version(since), wait=WAIT_SECONDS)
    _leave_if_elsewhere(visit, at, view)
    return JSONResponse({"since": str(view.version), "html": visit.html(FRAGMENTS[at], view=view)})


async def _wait_for_card_to_leave(visit: Visit, since: str) -> Response:
    """Leave a page of the profile as soon as its card is not in the reader any more. R56."""
    view = await attended(visit, since=_version(since), wait=WAIT_SECONDS)
    return JSONResponse({"since": str(view.version), "html": ""})


def _version(since: str) -> int:
    return int(since) if since.isdecimal() and len(since) < 19 else 0


def _leave_if_elsewhere(visit: Visit, at: str, view: SessionView) -> None:
    if not belongs(at, standing_of(visit, view)):
        raise Elsewhere(place_of(visit, view))


async def _wait_for_mail(visit: Visit, since: str) -> Response:
    """Look at the mail's state until it differs from what the page shows."""
    view = await session_of(visit)
    _leave_if_elsewhere(visit, CODE, view)
    holder = await holder_of(visit, view)

    async def look() -> CodeStatus:
        status = await visit.peers.otp.code_status(holder.grant)
        if status is None:
            raise Elsewhere(ADDRESS)
        return status

    return await _follow_mail(visit, CODE, since, look, holder.masked_address)


async def _wait_for_mail_of_registration(visit: Visit, since: str) -> Response:
    return await _follow_mail(
        visit, REGISTER_CODE, since, lambda: registering.status_of(visit), visit.journey.mailbox
    )


async def _follow_mail(
    visit: Visit, at: str, since: str, look: Callable[[], Awaitable[CodeStatus]], mailbox: str
) -> Response:
    status = await _changed(visit, since, look, lambda status: status.delivery.value)
    if status.delivery in WILL_NOT_ARRIVE and since != status.delivery.value:
        raise Elsewhere(at)  # it has another heading now, and asks for nothing
    holder = {"masked_address": mailbox}
    html = visit.html("_delivery.jinja", holder=holder, **delivery_of(visit, status))
    return JSONResponse({"since": status.delivery.value, "html": html, "last": _settled(status)})


async def _wait_for_colleagues(visit: Visit, since: str) -> Response:
    """Ask how it stands with the colleagues until it differs from what the page shows."""
    view = await session_of(visit)
    _leave_if_elsewhere(visit, COLLEAGUES_CODE, view)
    asked = await _changed(visit, since, lambda: colleagues.asked_of(visit, view), colleagues.seen)
    if colleagues.code_changed(asked, since):
        raise Elsewhere(COLLEAGUES_CODE)  # it shows another code now, or none any more
    html = visit.html("colleagues/_vouched.jinja", asked=asked)
    return JSONResponse({"since": colleagues.seen(asked), "html": html})


async def _changed(visit: Visit, since: str, look: Callable[[], Awaitable[A]], seen: Callable[[A], str]) -> A:
    """Return what there is to see once it differs from what the page shows, or after the last look."""
    found = await look()
    for _ in range(LOOKS):
        if seen(found) != since or await visit.request.is_disconnected():
            break
        await asyncio.sleep(PAUSE_SECONDS)
        found = await look()
    return found


_WAITS: dict[str, Callable[[Visit, str], Awaitable[Response]]] = {
    CODE: _wait_for_mail,
    COLLEAGUES_CODE: _wait_for_colleagues,
    PROFILE: _wait_for_card_to_leave,
    REGISTER_CODE: _wait_for_mail_of_registration,
}


def _settled(status: CodeStatus) -> bool:
    return status.delivery is not Delivery.QUEUED
