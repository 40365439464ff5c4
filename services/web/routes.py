"""Every address of the web process, and the cookie around each page."""

import time
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from services.runtime import faults, logs, tracing
from services.web.answers import WAIT, Handler, answer, log_defect
from services.web.api.app import PREFIX, build_api, outside_routes
from services.web.domain.guides import GUIDES
from services.web.domain.journey import (
    ASK_COLLEAGUES,
    COLLEAGUE,
    COLLEAGUE_PERSON,
    COLLEAGUES_CODE,
    IN_PERSON,
    QUESTIONS,
    REGISTER,
    REGISTER_CODE,
    REGISTER_EMAIL,
    REGISTERED,
    VOUCH,
)
from services.web.edge import SecureEdge
from services.web.pages import (
    address,
    card,
    code,
    colleagues,
    find_ra,
    freeze,
    guides,
    help,  # noqa: A004
    in_person,
    passcode,
    profile,
    questions,
    ra_acts,
    ra_desk,
    ra_history,
    ra_holder,
    ra_locks,
    ra_second,
    reasons,
    receipt,
    registering,
    saved_hours,
    sign_in,
    start,
    vouching,
    wait,
)
from services.web.security import HASHED_FILE_LIFE, SAFE_METHODS, sent_by_another_site
from services.web.sessions import COOKIE, CookieSealer, set_cookie
from services.web.visit import STATIC_FILES, House, Stop, Visit, fresh_journey

OLD_ADDRESS = "/selfservicewebapp/unlockCardStart"
"""Where the old service was. R46."""

HOLDER = "/ra/holders/{holder_ref}"
"""The page of one holder, for an RA."""

PAGES: tuple[tuple[str, Handler, Handler | None], ...] = (
    ("/", start.show_start, None),
    ("/open/{token}", start.open_by_agent, None),
    ("/reason", start.show_reason, start.choose_reason),
    ("/pair", start.show_pair, start.enter_pairing_code),
    ("/card", card.show_card, None),
    ("/other-reason", reasons.show_other_reason, reasons.choose_other_reason),
    ("/change", reasons.show_change, reasons.confirm_words),
    ("/last-try", reasons.show_last_try, reasons.use_last_try),
    ("/sign-in", sign_in.show_sign_in, sign_in.begin_sign_in),
    ("/sign-in/words", sign_in.show_words, sign_in.confirm_words),
    ("/sign-in/passcode", sign_in.show_passcode, sign_in.prove),
    ("/sign-out", sign_in.show_sign_in, sign_in.sign_out),
    ("/profile", profile.show_profile, None),
    ("/freeze/{token}", freeze.show_freeze, freeze.freeze),
    ("/profile/contact", profile.show_contact, profile.update_contact),
    ("/profile/updated", profile.show_updated, None),
    ("/ra", ra_desk.show_desk, ra_desk.find_holder),
    (IN_PERSON, in_person.show_in_person, in_person.begin_in_person),
    (VOUCH, in_person.show_vouch, in_person.vouch),
    (HOLDER, ra_holder.show_holder, None),
    (f"{HOLDER}/changes", ra_holder.show_changes, None),
    (f"{HOLDER}/address", ra_acts.show_address, ra_acts.set_address),
    (f"{HOLDER}/proposal", ra_second.show_proposal, ra_second.confirm),
    (f"{HOLDER}/proposal/decline", ra_second.show_decline, ra_second.decline),
    (f"{HOLDER}/cards/{{card_ref}}/freeze", ra_acts.show_freeze, ra_acts.freeze),
    (f"{HOLDER}/cards/{{card_ref}}/lift", ra_acts.show_lift, ra_acts.lift),
    (f"{HOLDER}/cards/{{card_ref}}/history", ra_history.show_history, None),
    (f"{HOLDER}/cards/{{card_ref}}/end-lock", ra_locks.show_end_lock, ra_locks.end_lock),
    (f"{HOLDER}/cards/{{card_ref}}/history/{{event_id}}", ra_history.download_receipt, None),
    ("/address", address.show_address, address.send_code),
    ("/no-mailbox", address.show_no_mailbox, address.report_no_mailbox),
    ("/code", code.show_code, code.enter_code),
    ("/passcode", passcode.show_passcode, passcode.set_passcode),
    ("/working", passcode.show_working, None),
    ("/done", passcode.show_done, None),
    ("/unknown", passcode.show_unknown, None),
    ("/stopped", passcode.show_stopped, None),
    (receipt.RECEIPT, receipt.show_receipt, None),
    (f"{receipt.RECEIPT}/file", receipt.download_receipt, None),
    (WAIT, wait.wait, None),
    ("/find-ra", find_ra.show_find_ra, None),
    (saved_hours.SAVED_HOURS, saved_hours.show_saved_hours, None),
    (f"{saved_hours.SAVED_HOURS}/csv", saved_hours.saved_hours_csv, None),
    (f"{saved_hours.SAVED_HOURS}/json", saved_hours.saved_hours_json, None),
    ("/help", guides.show_index, None),
    *((guide.path, guides.show_guide, None) for guide in GUIDES),
    ("/help/approved-domains", guides.show_approved_domains, None),
    ("/help/address.svg", guides.show_qr_code, None),
    ("/help/redirects/{name}", guides.show_redirect, None),
    ("/help/errors", help.list_errors, None),
    ("/help/errors/{code}", help.show_error, None),
    (OLD_ADDRESS, start.redirect_old_address, None),
)

COLLEAGUE_PAGES: tuple[tuple[str, Handler, Handler | None], ...] = (
    (ASK_COLLEAGUES, colleagues.show_ask, colleagues.ask),
    (COLLEAGUES_CODE, colleagues.show_code, colleagues.go_on),
    (COLLEAGUE, vouching.show_code, vouching.enter_code),
    (COLLEAGUE_PERSON, vouching.show_person, vouching.vouch),
)
"""Of colleagues who vouch from afar: not there where none do."""

QUESTION_PAGES: tuple[tuple[str, Handler, Handler | None], ...] = (
    (QUESTIONS, questions.show_questions, questions.answer_questions),
    (REGISTER, registering.show_choose, registering.set_answers),
    (REGISTER_EMAIL, registering.show_email, registering.confirm_email),
    (REGISTER_CODE, registering.show_code, registering.enter_code),
    (f"{REGISTER_CODE}/again", registering.show_code, registering.send_again),
    (REGISTERED, registering.show_registered, None),
    (f"{HOLDER}/cards/{{card_ref}}/answers", ra_acts.show_clear_answers, ra_acts.clear_answers),
)
"""Of security questions: not there where none are asked. R41, R48."""

log = logs.logger("pages")


def build_app(house: House, sealer: CookieSealer) -> ASGIApp:
    """Return the whole web application."""
    pages = PAGES + (QUESTION_PAGES if house.settings.asks_questions else ())
    pages += COLLEAGUE_PAGES if house.settings.colleagues_vouch else ()
    routes: list[BaseRoute] = [_route(house, sealer, *page) for page in pages]
    routes += [
        Route("/health/live", _alive),
        Route("/health/ready", _alive),
        Mount("/assets", HashedFiles(directory=STATIC_FILES)),
        Mount(PREFIX, build_api(house, sealer.for_tokens())),
    ]
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    for kind in (HTTPException, Exception):
        app.add_exception_handler(kind, _outside_pages(house))
    return SecureEdge(app, https=house.settings.https)


async def _alive(_: Request) -> Response:
    return PlainTextResponse("ok")


def _route(house: House, sealer: CookieSealer, path: str, show: Handler, take: Handler | None) -> Route:
    async def endpoint(request: Request) -> Response:
        tracing.start()
        began = time.monotonic()
        value = request.cookies.get(COOKIE, "")
        if take and not value and request.method in SAFE_METHODS and sent_by_another_site(request.headers):
            return coming_in(house, request)
        known = sealer.open(value, house.clock.now()) if value else None
        journey = known or fresh_journey(house.clock, house.randomness)
        visit = Visit(house, request, journey)
        handle = show if request.method in SAFE_METHODS else take
        response = await answer(visit, handle or show, knows_browser=known is not None)
        faults.reach(f"web.{request.method}.{path.strip('/').replace('/', '-') or 'start'}.answering")
        if visit.journey != journey or (take and not known):
            response.headers.append("Set-Cookie", set_cookie(sealer.seal(visit.journey)))
        took = round((time.monotonic() - began) * 1000, 1)
        log.info("page", path=path, method=request.method, status=response.status_code, milliseconds=took)
        return response

    return Route(path, endpoint, methods=["GET", "POST"] if take else ["GET"])


def coming_in(house: House, request: Request) -> Response:
    """Have the browser ask once more, by itself: another site's link comes without the cookie.

    A page with a form would else begin a journey over the one that may be under way. Asked again from a page
    of ours, the cookie is with it. A link out of a mail comes like this: mail is read on websites too.
    """
    visit = Visit(house, request, fresh_journey(house.clock, house.randomness))
    return visit.page("coming_in.jinja", path=request.url.path)


def _outside_pages(house: House) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Answer what no page took: unknown addresses, methods and files, and defects outside pages."""
    of_api = outside_routes(house)

    async def handler(request: Request, error: Exception) -> Response:
        tracing.start()
        # A mount takes no path with a line feed in it, and not its own name alone.
        if f"{request.scope['path']}/".startswith(f"{PREFIX}/"):
            return await of_api(request, error)
        status = error.status_code if isinstance(error, HTTPException) else 500
        if status == 500:
            log_defect(error)
        codes = {404: "PAGE_NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "REQUEST_TOO_LARGE"}
        visit = Visit(house, request, fresh_journey(house.clock, house.randomness))
        response = visit.stopped(Stop(codes.get(status, "INTERNAL"), status=status))
        response.headers.update(getattr(error, "headers", None) or {})
        return response

    return handler


class HashedFiles(StaticFiles):
    """The page's files; a name with a hash never changes its content."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return one file; raises HTTPException 404."""
        response = await super().get_response(path, scope)
        if path.endswith((".js", ".css")) and response.status_code < 400:
            response.headers["Cache-Control"] = HASHED_FILE_LIFE
        return response
