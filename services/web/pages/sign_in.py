"""Signing in: the words first, then the card's own passcode, sealed to the agent. R31, R56."""

from base64 import urlsafe_b64encode

from starlette.responses import Response

from services.web import texts, use_cases
from services.web.domain import entries
from services.web.domain.journey import SIGN_IN_PASSCODE, SIGN_IN_WORDS, START, WORKING, Reason
from services.web.pages.passcode import TOLD_BY_THE_PAGE
from services.web.pages.start import begin, leave_session
from services.web.pages.steps import place_of, session_at, session_of
from services.web.visit import Stop, Visit


async def show_sign_in(visit: Visit) -> Response:
    """Say what signing in is for, and what it takes."""
    return visit.page("sign_in.jinja")


async def begin_sign_in(visit: Visit) -> Response:
    """Claim a session for it."""
    return await begin(visit, Reason.SIGN_IN)


async def show_words(visit: Visit) -> Response:
    """Ask to compare the words, before any passcode is typed."""
    return visit.page("sign_in_words.jinja", view=await session_at(visit, SIGN_IN_WORDS), error="")


async def confirm_words(visit: Visit) -> Response:
    """Go on to the passcode once the person has confirmed the words, as before a change."""
    view = await session_at(visit, SIGN_IN_WORDS)
    if visit.form.get("words_match") != "yes":
        return visit.page("sign_in_words.jinja", view=view, error=texts.WORDS_NOT_CONFIRMED, status=400)
    visit.answered(words_confirmed=True)
    return visit.move(place_of(visit, view))


async def show_passcode(visit: Visit) -> Response:
    """Ask for the passcode; tell why the last one did not do, if it did not."""
    view = await session_at(visit, SIGN_IN_PASSCODE)
    agent_key = urlsafe_b64encode(view.agent_public_key).rstrip(b"=").decode()
    attempt_id = visit.house.randomness.uuid7()
    template = "sign_in_at_agent.jinja" if view.pin_at_agent else "sign_in_passcode.jinja"
    return visit.page(template, view=view, agent_key=agent_key, attempt_id=attempt_id)


async def prove(visit: Visit) -> Response:
    """Pass the sealed passcode on to the agent, which asks the person and has the card verify it."""
    view = await session_at(visit, SIGN_IN_PASSCODE)
    sealed, attempt_id = (
        use_cases.sealed_bytes(visit.form.get("sealed_current", "")),
        visit.form.get("attempt_id", ""),
    )
    if view.pin_at_agent and sealed:  # by a page from before the setting was changed
        return visit.move(SIGN_IN_PASSCODE)
    if bool(sealed) is view.pin_at_agent or not entries.UUID.fullmatch(attempt_id):
        raise Stop("JAVASCRIPT_OFF", status=400)
    refused = await visit.peers.gateway.prove_holder(
        visit.journey.session_id,
        visit.journey.claim,
        sealed_current_pin=sealed,
        attempt_id=attempt_id,
        spend_last_try=visit.journey.last_try,
    )
    if refused and refused.code in TOLD_BY_THE_PAGE:
        return visit.move(place_of(visit, await session_of(visit)))
    if refused:
        raise Stop(refused.code)
    visit.step_up(last_try=False)
    return visit.move(WORKING)


async def sign_out(visit: Visit) -> Response:
    """Forget who was signed in."""
    leave_session(visit)
    visit.answered(heading_for="")
    return visit.move(START)
