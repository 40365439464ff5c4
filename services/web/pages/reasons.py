"""When the card is not as the holder thought, and what a CHANGE needs before a passcode is typed."""

from starlette.responses import Response

from services.web import texts
from services.web.domain.journey import CHANGE, LAST_TRY, OTHER_REASON, Reason, ways
from services.web.pages.in_person import person_of
from services.web.pages.steps import holder_of, place_of, session_at, session_of
from services.web.ports import SessionView
from services.web.visit import Stop, Visit


async def show_other_reason(visit: Visit) -> Response:
    """Say what the card says, and offer the reasons that fit it; to an RA not of their own card."""
    view = await session_at(visit, OTHER_REASON)
    if view.in_person:
        await person_of(visit, view)
    return _other_reason(visit, view, "")


def _other_reason(visit: Visit, view: SessionView, error: str) -> Response:
    offered, status = _offered(view), 400 if error else 200
    if not offered:
        raise Stop(view.objection)
    told = texts.OTHER_REASONS_IN_PERSON if view.in_person else texts.OTHER_REASONS
    return visit.page("other_reason.jinja", view=view, offered=offered, told=told, error=error, status=status)


def _offered(view: SessionView) -> list[str]:
    return [each.value for each in ways(view.objection, blocked=view.blocked, in_person=view.in_person)]


async def choose_other_reason(visit: Visit) -> Response:
    """Go on for another reason, in the same session and without taking the card out."""
    view = await session_at(visit, OTHER_REASON)
    chosen = visit.form.get("reason", "")
    if chosen not in _offered(view):
        return _other_reason(visit, view, texts.WAY_MISSING)
    journey = visit.journey
    refused = await visit.peers.gateway.change_reason(
        journey.session_id, journey.claim, reason=Reason(chosen), attempt_id=visit.attempt_id
    )
    if refused:
        raise Stop(refused.code)
    visit.step_up(
        reason=Reason(chosen), code_asked=False, last_try=False, words_confirmed=False, nudge="",
        colleagues_asked=False,
    )  # fmt: skip
    return visit.move(place_of(visit, await session_of(visit)))


async def show_change(visit: Visit) -> Response:
    """Ask to compare the words; refuses whoever may not change, before any passcode is typed."""
    view = await session_at(visit, CHANGE)
    return visit.page("change.jinja", view=view, holder=await holder_of(visit, view), error="")


async def confirm_words(visit: Visit) -> Response:
    """Go on to the passcodes once the person has confirmed the words.

    Whoever was led here by a thief would else seal the passcode of the card to the thief's agent.
    """
    view = await session_at(visit, CHANGE)
    holder = await holder_of(visit, view)
    if visit.form.get("words_match") != "yes":
        error = texts.WORDS_NOT_CONFIRMED
        return visit.page("change.jinja", view=view, holder=holder, error=error, status=400)
    visit.answered(words_confirmed=True, nudge=holder.nudge)
    return visit.move(place_of(visit, view))


async def show_last_try(visit: Visit) -> Response:
    """Warn before the try that may lock the card, and offer the way without it."""
    return visit.page("last_try.jinja", view=await session_at(visit, LAST_TRY))


async def use_last_try(visit: Visit) -> Response:
    """Go on to the passcodes; the agent asks once more."""
    view = await session_at(visit, LAST_TRY)
    visit.answered(last_try=True)
    return visit.move(place_of(visit, view))
