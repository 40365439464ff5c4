"""The address page: where the code would go, masked, and a way out for who cannot read mail there.

Nobody gets a code who has not compared the words here: the card page passes in a second, and whoever
was led here by a thief would else type the mailed code for the thief's reader.
"""

from starlette.responses import Response

from services.web import texts, use_cases
from services.web.domain.journey import ADDRESS, CODE, COLLEAGUES_CODE, NO_MAILBOX
from services.web.pages.steps import holder_of, place_of, session_at, session_of
from services.web.ports import Asked, Holder, SessionView
from services.web.visit import Elsewhere, Stop, Visit

WAITING_HELPS = frozenset({"RESEND_TOO_SOON", "NO_MORE_CODES"})
"""Refusals of another code that leave the code before it as it was."""


async def show_address(visit: Visit) -> Response:
    """Show the masked address; refuses whoever may not unlock, before any code is sent."""
    view = await session_at(visit, ADDRESS)
    return visit.page("address.jinja", view=view, holder=await _mailable(visit, view), error="")


async def _mailable(visit: Visit, view: SessionView) -> Holder:
    """Return the holder; leads back to the colleagues' words where those alone let the card through."""
    holder = await holder_of(visit, view)
    if visit.journey.colleagues_asked and not holder.masked_address:
        raise Elsewhere(COLLEAGUES_CODE)
    return holder


async def send_code(visit: Visit) -> Response:
    """Have a code sent, the first or another one, once the person has confirmed the words.

    The code page's form for another code says so for who did: only this step leads to that page.
    """
    view = await session_at(visit, ADDRESS)
    holder = await _mailable(visit, view)
    if visit.form.get("words_match") != "yes":
        error = texts.WORDS_NOT_CONFIRMED
        return visit.page("address.jinja", view=view, holder=holder, error=error, status=400)
    asked = Asked(visit.client_address, view.last_four, visit.house.sites.site_of(visit.client_address))
    try:
        await use_cases.ask_for_code(visit.peers, holder, visit.attempt_id, asked)
    except Stop as stop:
        if not (visit.journey.code_asked and stop.code in WAITING_HELPS):
            raise
        visit.answered()
        return visit.move(CODE)
    visit.answered(code_asked=True, colleagues_asked=False)
    return visit.move(CODE)


async def show_no_mailbox(visit: Visit) -> Response:
    """Say why an address is needed and who can change it. R6, R60, R35."""
    holder = await holder_of(visit, await _read(visit))
    raise Stop("NO_MAILBOX_ACCESS", holder.registration_authority)


async def report_no_mailbox(visit: Visit) -> Response:
    """Have the holder's word written down as the outcome, and show whom to ask. R35."""
    view = await _read(visit)
    refused = await visit.peers.identity.no_mailbox(view.card_grant)
    if refused.code != "NO_MAILBOX_ACCESS":
        raise Stop(refused.code, refused.registration_authority)
    visit.answered()
    return visit.move(NO_MAILBOX)


async def _read(visit: Visit) -> SessionView:
    """Return the session while it goes on and its card was read; leads to its page where not."""
    view = await session_of(visit)
    if not view.card_grant:
        raise Elsewhere(place_of(visit, view))
    return view
