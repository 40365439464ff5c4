"""What surrounds each page: the check of its form, its time, and an answer for every way it can end.

No exception leaves here as anything but a page with a stable code. R13, S21.
"""

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

import grpc
from starlette.responses import JSONResponse, Response

from services.runtime import errors, logs
from services.web.domain.errors import CATALOGUE
from services.web.security import SAFE_METHODS, TooLarge, body_within_limit, came_from_our_pages, same_token
from services.web.visit import PATHS, Elsewhere, Stop, Visit

Handler = Callable[[Visit], Awaitable[Response]]

WAIT = "/wait"
"""The one address that answers late on purpose."""
PAGE_SECONDS = 4.8
"""For all calls of a page together: it answers within 5 s. What was asked for may be asked for again,
as the same attempt. Source: quality F31."""
MOST_FIELDS = 10
FORM_TYPE = "application/x-www-form-urlencoded"

log = logs.logger("pages")


async def answer(visit: Visit, handle: Handler, *, knows_browser: bool) -> Response:
    """Run one page; every way it can end is a page, a redirect, or JSON for the page's module."""
    limit = asyncio.timeout(None if visit.request.url.path == WAIT else PAGE_SECONDS)
    try:
        async with limit:
            if visit.request.method not in SAFE_METHODS:
                await check_form(visit, knows_browser=knows_browser)
            return await handle(visit)
    except Elsewhere as elsewhere:
        return visit.move(elsewhere.path)
    except Stop as stop:
        return visit.stopped(stop)
    except errors.ServiceError as error:
        return unanswered(visit, error)
    except Exception as error:
        if limit.expired():
            return visit.stopped(Stop("DEADLINE_EXCEEDED", status=504))
        log_defect(error)
        return visit.stopped(Stop("INTERNAL", status=500))


async def check_form(visit: Visit, *, knows_browser: bool) -> None:
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
        raise Elsewhere(visit.journey.after(request.url.path))
    if not same_token(visit.journey.csrf, token):
        raise Stop("REQUEST_REFUSED", status=403)


_STATUSES = {
    grpc.StatusCode.UNAVAILABLE: (503, "SERVICE_UNAVAILABLE"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (503, "SERVICE_UNAVAILABLE"),
    grpc.StatusCode.DEADLINE_EXCEEDED: (504, "DEADLINE_EXCEEDED"),
    grpc.StatusCode.NOT_FOUND: (410, "SESSION_EXPIRED"),
    grpc.StatusCode.UNAUTHENTICATED: (403, "GRANT_REFUSED"),
}


def told(error: errors.ServiceError) -> tuple[int, str]:
    """Return the HTTP status and the code of a call that was not answered, and log it."""
    status, own = _STATUSES.get(error.status, (500, "INTERNAL"))
    if error.code == "SESSION_UNKNOWN":
        status, own = 410, "SESSION_EXPIRED"
    log.warning("call_not_answered", code=error.code, status=error.status.name)
    return status, error.code if error.code in CATALOGUE else own


def unanswered(visit: Visit, error: errors.ServiceError) -> Response:
    """Return the page of a call that was not answered; what the person did may be done again."""
    status, code = told(error)
    if visit.request.url.path == WAIT:
        return JSONResponse({"code": code}, status_code=status)
    response = visit.stopped(Stop(code, status=status))
    if status == 503:
        response.headers["Retry-After"] = str(round(error.retry_after or 5))
    return response


def log_defect(error: Exception) -> None:
    """Log where a defect showed, and never with what: its text may hold what a person typed."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    where = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in frames]
    log.error("defect", error=type(error).__name__, where=where)
