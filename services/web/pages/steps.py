"""What the pages of an unlock share: the session they show, and the holder they act for."""

from services.web import use_cases
from services.web.domain.journey import QUESTIONS, START, Standing, State, belongs, place
from services.web.ports import Holder, SessionView
from services.web.visit import Elsewhere, Visit


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
    return use_cases.standing(
        view,
        code_asked=journey.code_asked,
        words_confirmed=journey.words_confirmed,
        last_try=journey.last_try,
        colleagues_asked=journey.colleagues_asked,
    )


async def session_at(visit: Visit, path: str) -> SessionView:
    """Return the session where it belongs on this page; leads to the right page where it does not."""
    view = await session_of(visit)
    if not belongs(path, standing_of(visit, view)):
        raise Elsewhere(place_of(visit, view))
    return view


async def holder_of(visit: Visit, view: SessionView) -> Holder:
    """Return the holder, judged anew; leads to their security questions where those come first."""
    try:
        return await use_cases.resolve(visit.peers, view)
    except use_cases.QuestionsFirst:
        raise Elsewhere(QUESTIONS) from None


def held(visit: Visit) -> tuple[str, str]:
    """Return the visit's session: its id, and the claim to it."""
    return visit.journey.session_id, visit.journey.claim


def ended(view: SessionView) -> bool:
    """True where nothing more can come of the session."""
    return view.state in {State.SUCCESS, State.FAILED, State.RESOLVED, State.ABANDONED}
