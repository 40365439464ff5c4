"""The code page: one entry at a time, and the truth about the mail."""

from typing import Any

from starlette.responses import Response

from services.web import texts, use_cases
from services.web.domain import entries
from services.web.domain.journey import ADDRESS, CODE, PASSCODE
from services.web.domain.language import filled
from services.web.pages.steps import held, holder_of, session_at
from services.web.ports import CodeStatus, Holder, Redemption, SessionView, Verdict
from services.web.visit import Elsewhere, Stop, Visit


async def show_code(visit: Visit) -> Response:
    """Show where the code stands and ask for it."""
    view = await session_at(visit, CODE)
    return await _page(visit, view, await holder_of(visit, view))


async def _page(
    visit: Visit, view: SessionView, holder: Holder, error: str = "", error_code: str = ""
) -> Response:
    status = await use_cases.newest_code(visit.peers, holder)
    if status is None:
        raise Elsewhere(ADDRESS)
    told: dict[str, Any] = {"error": filled(error, digits=status.digits), "error_code": error_code}
    return visit.page("code.jinja", view=view, holder=holder, **told, **delivery_of(visit, status))


def delivery_of(visit: Visit, status: CodeStatus) -> dict[str, Any]:
    """Return what the page says of the mail: nothing that notifier did not tell."""
    now = visit.now()
    wait = status.next_code_at - now
    return {
        "mail": status,
        "delivery": status.delivery.value,
        "works_for": texts.minutes(status.expires_at - now) if status.expires_at > now else "",
        "wait": texts.seconds(wait) if status.next_code_at > now else "",
    }


async def enter_code(visit: Visit) -> Response:
    """Have one entry judged; a right one opens the way to a new passcode.

    The attempt is the journey's, so that a right code whose answer was lost may be typed on a page opened
    anew. Tabs share it: otp judges each by its own digits.
    """
    view = await session_at(visit, CODE)
    holder = await holder_of(visit, view)
    typed = entries.one_time_code(visit.form.get("code", ""))
    if typed is None:
        error = texts.CODE_MALFORMED if visit.form.get("code", "").strip() else texts.CODE_MISSING
        return await _page(visit, view, holder, error)
    entry = await use_cases.enter_code(
        visit.peers, held(visit), holder, typed, visit.attempt_id, visit.client_address
    )
    if entry.verdict is Verdict.RIGHT:
        visit.step_up()
        return visit.move(PASSCODE)
    visit.answered()
    if entry.verdict is Verdict.LOCKED_TO_RA:
        raise Stop("LOCKED_TO_RA", holder.registration_authority)
    return await _page(visit, view, holder, sentence(entry), named_code(entry))


def named_code(entry: Redemption) -> str:
    """Return the code beside the sentence; none for what a slip of the finger explains."""
    return "" if entry.verdict is Verdict.MALFORMED else use_cases.CODE_OF[entry.verdict]


def sentence(entry: Redemption) -> str:
    """Return what the page says of an entry that was not right."""
    if entry.verdict is Verdict.WRONG:
        return texts.wrong_code(entry.entries_left)
    return {
        Verdict.SUPERSEDED: texts.CODE_SUPERSEDED,
        Verdict.DEAD: texts.CODE_DEAD,
    }.get(entry.verdict, texts.CODE_MALFORMED)
