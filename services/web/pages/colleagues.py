"""A holder without mail asks two colleagues to vouch for them: the words first, then a code to read out.

The code is a secret until they have: it is in no address, and no page of it is kept by a browser.
"""

from starlette.responses import Response

from services.web import texts, use_cases
from services.web.domain.journey import ADDRESS, ASK_COLLEAGUES, COLLEAGUES_CODE, PASSCODE
from services.web.pages.steps import held, session_at
from services.web.ports import ColleaguesAsked, SessionView
from services.web.visit import Elsewhere, Stop, Visit

MAIL_AFTER_ALL = "EMAIL_USABLE"
"""A Registration Authority has added an address meanwhile: no colleague is needed."""


async def show_ask(visit: Visit) -> Response:
    """Say whom to ask and what they do; ask to compare the words, as before a mailed code."""
    view = await session_at(visit, ASK_COLLEAGUES)
    return visit.page("colleagues/ask.jinja", view=view, error="")


async def ask(visit: Visit) -> Response:
    """Ask, once the person has confirmed the words.

    Whoever was led here by a thief would else read the code out for the card in the thief's reader.
    """
    view = await session_at(visit, ASK_COLLEAGUES)
    if visit.form.get("words_match") != "yes":
        error = texts.WORDS_NOT_CONFIRMED
        return visit.page("colleagues/ask.jinja", view=view, error=error, status=400)
    await asked_of(visit, view)
    visit.answered(colleagues_asked=True)
    return visit.move(COLLEAGUES_CODE)


async def show_code(visit: Visit) -> Response:
    """Show the code and who has vouched so far; once they are enough, the way on."""
    view = await session_at(visit, COLLEAGUES_CODE)
    asked = await asked_of(visit, view)
    time_left = texts.minutes(view.deadline - visit.now())
    return visit.page("colleagues/code.jinja", view=view, asked=asked, since=seen(asked), time_left=time_left)


async def go_on(visit: Visit) -> Response:
    """Have the session authorised by the colleagues' words."""
    view = await session_at(visit, COLLEAGUES_CODE)
    holder = await use_cases.go_on_by_colleagues(visit.peers, held(visit), view, visit.attempt_id)
    if holder is None:
        return visit.move(COLLEAGUES_CODE)
    visit.step_up(nudge=holder.nudge)
    return visit.move(PASSCODE)


async def asked_of(visit: Visit, view: SessionView) -> ColleaguesAsked:
    """Return how it stands; leads to the address where a code can be mailed after all."""
    try:
        return await use_cases.ask_colleagues(visit.peers, view)
    except Stop as stop:
        if stop.code != MAIL_AFTER_ALL:
            raise
        visit.answered(colleagues_asked=False)
        raise Elsewhere(ADDRESS) from stop


def seen(asked: ColleaguesAsked) -> str:
    """Return what tells two standings apart, without saying the code."""
    return f"{asked.words_given}-{_ends(asked)}"


def code_changed(asked: ColleaguesAsked, since: str) -> bool:
    """True where the page that showed `since` shows a code that is not read out any more."""
    return bool(asked.unlock_grant) or since.partition("-")[2] != _ends(asked)


def _ends(asked: ColleaguesAsked) -> str:
    return f"{asked.expires_at.timestamp():.0f}"
