"""What the pages of an unlock share: the session they show, and the holder they act for."""

from services.web.domain.journey import START, Reason, Standing, State, belongs, place
from services.web.ports import Holder, Refused, SessionView
from services.web.visit import Elsewhere, Stop, Visit


async def session_of(visit: Visit, *, since: int = 0, wait: int = 0) -> SessionView:
    """Return the visit's session; leads to the start page where there is none."""
    journey = visit.journey
    if not journey.session_id:
        raise Elsewhere(START)
    return await visit.peers.gateway.get_session(journey.session_id, journey.claim, since=since, wait=wait)


def place_of(visit: Visit, view: SessionView) -> str:
    """Return the page on which the session belongs now."""
    return place(standing_of(visit, view))


def standing_of(visit: Visit, view: SessionView) -> Standing:
    """Return all that decides on which page the session belongs."""
    journey = visit.journey
    spends_tries = view.reason is Reason.CHANGE and view.tries_left == 1
    return Standing(
        state=view.state,
        resolved_success=view.resolved_success,
        objection=view.objection,
        code_needed=view.code_needed,
        code_asked=journey.code_asked,
        words_confirmed=journey.words_confirmed,
        last_try_ahead=spends_tries and not journey.last_try,
    )


async def session_at(visit: Visit, path: str) -> SessionView:
    """Return the session where it belongs on this page; leads to the right page where it does not."""
    view = await session_of(visit)
    if not belongs(path, standing_of(visit, view)):
        raise Elsewhere(place_of(visit, view))
    return view


async def holder_of(visit: Visit, view: SessionView) -> Holder:
    """Return the holder, judged anew: a card that was frozen a second ago ends here."""
    answer = await visit.peers.identity.resolve_holder(view.card_grant)
    if isinstance(answer, Refused):
        raise Stop(answer.code, answer.registration_authority)
    return answer


def ended(view: SessionView) -> bool:
    """True where nothing more can come of the session."""
    return view.state in {State.SUCCESS, State.FAILED, State.RESOLVED, State.ABANDONED}
