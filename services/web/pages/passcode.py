"""From the new passcode to the end: it arrives sealed, and success is told only when the card said so."""

from base64 import urlsafe_b64encode

from starlette.responses import Response

from services.web import texts, use_cases
from services.web.domain import entries
from services.web.domain.journey import DONE, PASSCODE, STOPPED, UNKNOWN, WORKING, Reason, State
from services.web.pages.steps import held, place_of, session_at, session_of
from services.web.visit import Elsewhere, Stop, Visit

TOLD_BY_THE_PAGE = frozenset({"NO_CARD", "LAST_TRY", "CARD_LOCKED"})
"""Refusals after which the page that the session belongs on says all there is to say."""


async def show_passcode(visit: Visit) -> Response:
    """Ask for the new passcode, or say where it is typed; tell why the last one did not take."""
    view = await session_at(visit, PASSCODE)
    if view.in_person and visit.journey.profile_grant:  # the answer to the RA's word was lost
        visit.step_up(profile_grant="")
    agent_key = urlsafe_b64encode(view.agent_public_key).rstrip(b"=").decode()
    attempt_id = visit.house.randomness.uuid7()
    time_left = texts.minutes(view.deadline - visit.now())
    template = "passcode_at_agent.jinja" if view.pin_at_agent else "passcode.jinja"
    return visit.page(
        template, view=view, agent_key=agent_key, attempt_id=attempt_id, time_left=time_left,
        changes=view.reason is Reason.CHANGE,
    )  # fmt: skip


async def set_passcode(visit: Visit) -> Response:
    """Pass the sealed passcode on to the agent, or have it ask for one itself."""
    view = await session_at(visit, PASSCODE)
    passcodes = use_cases.Passcodes(
        new=use_cases.sealed_bytes(visit.form.get("sealed", "")),
        current=use_cases.sealed_bytes(visit.form.get("sealed_current", "")),
    )
    attempt_id = visit.form.get("attempt_id", "")
    if view.pin_at_agent and passcodes.are_sealed:  # by a page from before the setting was changed
        return visit.move(PASSCODE)
    if not passcodes.fit(view) or not entries.UUID.fullmatch(attempt_id):
        raise Stop("JAVASCRIPT_OFF", status=400)
    last_try = visit.journey.last_try
    try:
        await use_cases.reset(visit.peers, held(visit), view, passcodes, attempt_id, last_try=last_try)
    except Stop as stop:
        if stop.code not in TOLD_BY_THE_PAGE:
            raise
        return visit.move(place_of(visit, await session_of(visit)))
    visit.step_up(last_try=False)
    return visit.move(WORKING)


async def show_working(visit: Visit) -> Response:
    """Say in words what happens on the workstation now."""
    return visit.page("working.jinja", view=await session_at(visit, WORKING))


async def show_done(visit: Visit) -> Response:
    """Confirm what the card itself confirmed. R53, I7."""
    return visit.page("done.jinja", view=await session_at(visit, DONE))


async def show_unknown(visit: Visit) -> Response:
    """Say that nobody knows yet, and find out."""
    return visit.page("unknown.jinja", view=await session_at(visit, UNKNOWN))


async def show_stopped(visit: Visit) -> Response:
    """Show why the session ended without success."""
    view = await session_at(visit, STOPPED)
    if view.state in {State.SUCCESS, State.NEW}:
        raise Elsewhere("/")
    raise Stop(use_cases.end_code(view))
