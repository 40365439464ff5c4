"""Every address of the web process, and what surrounds each page: form checks, the cookie, errors.

No exception leaves here as anything but a page with a stable code. R13, S21.
"""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

import grpc
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from services.runtime import errors, faults, logs, tracing
from services.web.domain.errors import CATALOGUE
from services.web.edge import SecureEdge
from services.web.pages import address, card, code, help, passcode, start, wait  # noqa: A004
from services.web.security import (
    HASHED_FILE_LIFE,
    SAFE_METHODS,
    TooLarge,
    body_within_limit,
    came_from_our_pages,
    same_token,
)
from services.web.sessions import COOKIE, CookieSealer, set_cookie
from services.web.visit import PATHS, STATIC_FILES, Elsewhere, House, Stop, Visit, fresh_journey

Handler = Callable[[Visit], Awaitable[Response]]

OLD_ADDRESS = "/selfservicewebapp/unlockCardStart"
"""Where the old service was. R46."""
PAGE_SECONDS = 4.8
"""For all calls of a page together: it answers within 5 s. What was asked for may be asked for again,
as the same attempt. Source: quality F31."""
MOST_FIELDS = 10
FORM_TYPE = "application/x-www-form-urlencoded"

PAGES: tuple[tuple[str, Handler, Handler | None], ...] = (
    ("/", start.show_start, None),
    ("/open/{token}", start.open_by_agent, None),
    ("/reason", start.show_reason, start.choose_reason),
    ("/pair", start.show_pair, start.enter_pairing_code),
    ("/card", card.show_card, None),
    ("/address", address.show_address, address.send_code),
    ("/no-mailbox", address.show_no_mailbox, None),
    ("/code", code.show_code, code.enter_code),
    ("/passcode", passcode.show_passcode, passcode.set_passcode),
    ("/working", passcode.show_working, None),
    ("/done", passcode.show_done, None),
    ("/unknown", passcode.show_unknown, None),
    ("/stopped", passcode.show_stopped, None),
    ("/wait", wait.wait, None),
    ("/saved-hours", help.show_saved_hours, None),
    ("/help/errors", help.list_errors, None),
    ("/help/errors/{code}", help.show_error, None),
    (OLD_ADDRESS, start.redirect_old_address, None),
)

log = logs.logger("pages")


def build_app(house: House, sealer: CookieSealer) -> ASGIApp:
    """Return the whole web application."""
    routes: list[BaseRoute] = [_route(house, sealer, *page) for page in PAGES]
    routes += [
        Route("/health/live", _alive),
        Route("/health/ready", _alive),
        Mount("/assets", HashedFiles(directory=STATIC_FILES)),
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
        known = sealer.open(value, house.clock.now()) if value else None
        journey = known or fresh_journey(house.clock, house.randomness)
        visit = Visit(house, request, journey)
        handle = show if request.method in SAFE_METHODS else take
        response = await _answer(visit, handle or show, knows_browser=known is not None)
        faults.reach(f"web.{request.method}.{path.strip('/').replace('/', '-') or 'start'}.answering")
        if visit.journey != journey or (take and not known):
            response.headers.append("Set-Cookie", set_cookie(sealer.seal(visit.journey)))
        took = round((time.monotonic() - began) * 1000, 1)
        log.info("page", path=path, method=request.method, status=response.status_code, milliseconds=took)
        return response

    return Route(path, endpoint, methods=["GET", "POST"] if take else ["GET"])


async def _answer(visit: Visit, handle: Handler, *, knows_browser: bool) -> Response:
    """Run one page; every way it can end is a page, a redirect, or JSON for the page's module."""
    limit = asyncio.timeout(None if handle is wait.wait else PAGE_SECONDS)
    try:
        async with limit:
            if visit.request.method not in SAFE_METHODS:
                await _check_form(visit, knows_browser=knows_browser)
            return await handle(visit)
    except Elsewhere as elsewhere:
        return visit.move(elsewhere.path)
    except Stop as stop:
        return visit.stopped(stop)
    except errors.ServiceError as error:
        return _unanswered(visit, error)
    except Exception as error:
        if limit.expired():
            return visit.stopped(Stop("DEADLINE_EXCEEDED", status=504))
        _log_defect(error)
        return visit.stopped(Stop("INTERNAL", status=500))


async def _check_form(visit: Visit, *, knows_browser: bool) -> None:
    """Read the form; refuses what did not come from a page of ours with this browser's token."""
    request = visit.request
    if not came_from_our_pages(request.headers, visit.house.settings.WEB_ORIGIN):
        raise Stop("REQUEST_REFUSED", status=403)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM_TYPE:
        raise Stop("REQUEST_REFUSED", status=415)
    try:
        body = await body_within_limit(request.receive)
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except TooLarge:
        raise Stop("REQUEST_TOO_LARGE", status=413) from None
    except ValueError:
        raise Stop("REQUEST_REFUSED", status=400) from None
    visit.form = dict(fields)
    if not knows_browser:
        raise Stop("SESSION_EXPIRED", status=403)
    token = visit.form.get("csrf", "")
    if same_token(visit.journey.spent_csrf, token) and request.url.path in PATHS:
        raise Elsewhere(request.url.path)
    if not same_token(visit.journey.csrf, token):
        raise Stop("REQUEST_REFUSED", status=403)


_STATUSES = {
    grpc.StatusCode.UNAVAILABLE: (503, "SERVICE_UNAVAILABLE"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (503, "SERVICE_UNAVAILABLE"),
    grpc.StatusCode.DEADLINE_EXCEEDED: (504, "DEADLINE_EXCEEDED"),
    grpc.StatusCode.NOT_FOUND: (410, "SESSION_EXPIRED"),
    grpc.StatusCode.UNAUTHENTICATED: (403, "GRANT_REFUSED"),
}


def _unanswered(visit: Visit, error: errors.ServiceError) -> Response:
    """Return the page of a call that was not answered; what the person did may be done again."""
    status, own = _STATUSES.get(error.status, (500, "INTERNAL"))
    if error.code == "SESSION_UNKNOWN":
        status, own = 410, "SESSION_EXPIRED"
    code = error.code if error.code in CATALOGUE else own
    log.warning("call_not_answered", code=error.code, status=error.status.name)
    if visit.request.url.path == "/wait":
        return JSONResponse({"code": code}, status_code=status)
    response = visit.stopped(Stop(code, status=status))
    if status == 503:
        response.headers["Retry-After"] = str(round(error.retry_after or 5))
    return response


def _log_defect(error: Exception) -> None:
    """Log where a defect showed, and never with what: its text may hold what a person typed."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    where = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in frames]
    log.error("defect", error=type(error).__name__, where=where)


def _outside_pages(house: House) -> Callable[[Request, Exception], Awaitable[Response]]:
    """Answer what no page took: unknown addresses, methods and files, and defects outside pages."""

    async def handler(request: Request, error: Exception) -> Response:
        tracing.start()
        status = error.status_code if isinstance(error, HTTPException) else 500
        if status == 500:
            _log_defect(error)
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
