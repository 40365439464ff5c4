"""From the new passcode to the end: it arrives sealed, and success is told only when the card said so."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from starlette.responses import Response

from services.web import texts
from services.web.domain import entries
from services.web.domain.journey import DONE, PASSCODE, STOPPED, UNKNOWN, WORKING, Reason, State
from services.web.pages.steps import holder_of, place_of, session_at, session_of
from services.web.visit import Elsewhere, Stop, Visit

TOLD_BY_THE_PAGE = frozenset({"NO_CARD", "LAST_TRY", "CARD_LOCKED"})
"""Refusals after which the page that the session belongs on says all there is to say."""
MOST_SEALED_BYTES = 256
"""Source: the contract of ResetPin."""


async def show_passcode(visit: Visit) -> Response:
    """Ask for the new passcode; tell why the last one did not take, if it did not."""
    view = await session_at(visit, PASSCODE)
    agent_key = urlsafe_b64encode(view.agent_public_key).rstrip(b"=").decode()
    attempt_id = visit.house.randomness.uuid7()
    time_left = texts.minutes(view.deadline - visit.now())
    return visit.page(
        "passcode.jinja", view=view, agent_key=agent_key, attempt_id=attempt_id, time_left=time_left,
        changes=view.reason is Reason.CHANGE,
    )  # fmt: skip


async def set_passcode(visit: Visit) -> Response:
    """Pass the sealed passcode on to the agent."""
    view = await session_at(visit, PASSCODE)
    sealed, current = _sealed(visit.form.get("sealed", "")), _sealed(visit.form.get("sealed_current", ""))
    attempt_id = visit.form.get("attempt_id", "")
    whole = bool(sealed) and bool(current) is (view.reason is Reason.CHANGE)
    if not whole or not entries.UUID.fullmatch(attempt_id):
        raise Stop("JAVASCRIPT_OFF", status=400)
    holder = await holder_of(visit, view)
    refused = await visit.peers.gateway.reset_pin(
        visit.journey.session_id,
        visit.journey.claim,
        sealed_pin=sealed,
        holder_grant=holder.grant,
        attempt_id=attempt_id,
        sealed_current_pin=current,
        spend_last_try=visit.journey.last_try,
    )
    if refused and refused.code in TOLD_BY_THE_PAGE:
        return visit.move(place_of(visit, await session_of(visit)))
    if refused:
        raise Stop(refused.code, holder.registration_authority)
    visit.step_up(last_try=False)
    return visit.move(WORKING)


def _sealed(text: str) -> bytes:
    """Return the sealed bytes; none for what no page of ours sends."""
    if not entries.BASE64URL.fullmatch(text) or len(text) % 4 == 1:
        return b""
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return raw if len(raw) <= MOST_SEALED_BYTES else b""


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
    if view.state is State.ABANDONED:
        raise Stop("SESSION_ABANDONED")
    if view.state in {State.SUCCESS, State.NEW}:
        raise Elsewhere("/")
    raise Stop(view.code or "NOT_UNLOCKED")
