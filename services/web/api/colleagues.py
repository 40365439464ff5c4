"""Two colleagues who vouch for a holder without usable mail: there only where a deployment lets them."""

from fastapi import APIRouter

from services.web import use_cases
from services.web.api.asked import ColleagueRequest, ColleagueWords
from services.web.api.caller import Caller, OfSession
from services.web.api.gate import JudgedRoute
from services.web.api.refusals import IN_SESSION, WITH_BODY, refusals
from services.web.api.told import Colleagues, ColleaguesCode, Session, Step
from services.web.ports import SessionView
from services.web.use_cases import Stop

router = APIRouter(route_class=JudgedRoute, tags=["holder and code"])


@router.post("/session/colleague-requests", responses=refusals(404, *IN_SESSION, *WITH_BODY))
async def ask_colleagues(caller: OfSession, asked: ColleagueRequest) -> ColleaguesCode:
    """Give the code that the holder reads out to two colleagues, who enter it on the page `/vouch`.

    Open where `step` is `CODE` and a refusal said `can_ask_colleagues`; where this service lets nobody vouch
    from afar there is nothing here (404). Asked again, it gives the code that is good now. Show it to the
    holder only. `EMAIL_USABLE`: a code can be mailed after all.
    """
    view = await _before_words(caller)
    if not asked.words_match:
        raise Stop("WORDS_NOT_CONFIRMED")
    return ColleaguesCode.with_code(await use_cases.ask_colleagues(caller.peers, view))


@router.get("/session/colleagues", responses=refusals(404, *IN_SESSION))
async def get_colleagues(caller: OfSession) -> Colleagues:
    """Tell how many colleagues have vouched so far. Look every 2 seconds, not more often.

    From `expires_at` on the code is refused: ask for the one that is good then.
    """
    view = await _before_words(caller)
    return Colleagues.of(await use_cases.ask_colleagues(caller.peers, view))


@router.post("/session/colleague-words", responses=refusals(404, *IN_SESSION, *WITH_BODY))
async def go_on_by_colleagues(caller: OfSession, asked: ColleagueWords) -> Session:
    """Open the way to a new passcode by the words of enough colleagues.

    While they are not `enough`, it is refused with `COLLEAGUES_MISSING`.
    """
    view = await _before_words(caller)
    if await use_cases.go_on_by_colleagues(caller.peers, caller.held, view, asked.attempt_id) is None:
        raise Stop("COLLEAGUES_MISSING")
    return Session.of(caller.session_id, await caller.view())


async def _before_words(caller: Caller) -> SessionView:
    if not caller.house.settings.colleagues_vouch:
        raise Stop("PAGE_NOT_FOUND")
    return await caller.view_at(Step.CODE)
