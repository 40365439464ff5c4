"""From the new passcode to the end: it arrives sealed, and success is told only when the card said so."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from starlette.responses import Response

from services.web import texts
from services.web.domain import entries
from services.web.domain.journey import DONE, PASSCODE, STOPPED, UNKNOWN, WORKING, State
from services.web.pages.steps import holder_of, session_at
from services.web.visit import Elsewhere, Stop, Visit

MOST_SEALED_BYTES = 256
"""Source: the contract of ResetPin."""


async def show_passcode(visit: Visit) -> Response:
    """Ask for the new passcode; tell why the last one did not take, if it did not."""
    view = await session_at(visit, PASSCODE)
    agent_key = urlsafe_b64encode(view.agent_public_key).rstrip(b"=").decode()
    attempt_id = visit.house.randomness.uuid7()
    time_left = texts.minutes(view.deadline - visit.now())
    return visit.page(
        "passcode.jinja", view=view, agent_key=agent_key, attempt_id=attempt_id, time_left=time_left
    )


async def set_passcode(visit: Visit) -> Response:
    """Pass the sealed passcode on to the agent."""
    view = await session_at(visit, PASSCODE)
    sealed, attempt_id = _sealed(visit.form.get("sealed", "")), visit.form.get("attempt_id", "")
    if not sealed or not entries.UUID.fullmatch(attempt_id):
        raise Stop("JAVASCRIPT_OFF", status=400)
    holder = await holder_of(visit, view)
    refused = await visit.peers.gateway.reset_pin(
        visit.journey.session_id,
        visit.journey.claim,
        sealed_pin=sealed,
        holder_grant=holder.grant,
        attempt_id=attempt_id,
    )
    if refused and refused.code == "NO_CARD":
        return visit.move(PASSCODE)
    if refused:
        raise Stop(refused.code, holder.registration_authority)
    visit.step_up()
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
