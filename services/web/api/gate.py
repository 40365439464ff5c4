"""What the API takes at all: from which websites, in which media types, how much, and for how long.

Sources: RFC 9110 (405, 406, 413, 415); quality S15, S16, S21, S42, F31.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.runtime import errors, logs, tracing
from services.web import answers
from services.web.api import problems
from services.web.security import SAFE_METHODS, TooLarge, body_within_limit
from services.web.use_cases import Stop
from services.web.visit import House

Handler = Callable[[Request], Awaitable[Response]]

JSON = "application/json"
_ANSWERED_IN = frozenset({"*/*", "application/*", JSON, problems.MEDIA_TYPE})

log = logs.logger("api")


class OriginGate:
    """Refuses what a website asks a browser to send, unless that website is on the list.

    A token is never sent by a browser on its own, so this is the second lock, not the first: it keeps a
    foreign page from guessing workstation codes through the browsers of its visitors.
    """

    def __init__(self, app: ASGIApp, house: House) -> None:
        self._app = app
        self._house = house
        self._allowed = {house.settings.WEB_ORIGIN, *house.settings.api_origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        tracing.start()
        request = Request(scope)
        inside = self._app if self._may_ask(request) else self._refused()
        await inside(scope, receive, send)

    def _may_ask(self, request: Request) -> bool:
        origin = request.headers.get("origin")
        if origin is not None:
            return origin in self._allowed
        foreign = request.headers.get("sec-fetch-site", "none") in {"cross-site", "same-site"}
        return request.method in SAFE_METHODS or not foreign

    def _refused(self) -> Response:
        return problems.of_stop(self._house, Stop("ORIGIN_NOT_ALLOWED"))


class JudgedRoute(APIRoute):
    """A route of the API: every way a request can end is JSON with a code, and within its time."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers one request."""
        answer = super().get_route_handler()

        async def handler(request: Request) -> Response:
            began = time.monotonic()
            house: House = request.app.state.house
            response = await _answered(house, request, self._known(answer))
            took = round((time.monotonic() - began) * 1000, 1)
            status = response.status_code
            log.info("call", path=self.path, method=request.method, status=status, milliseconds=took)
            return response

        return handler

    def _known(self, answer: Handler) -> Handler:
        """Refuse what stands in the address beside the names of the document."""
        names = {field.alias for field in self.dependant.query_params}

        async def handler(request: Request) -> Response:
            if unknown := [name for name in request.query_params if name not in names]:
                raise problems.Refusal("REQUEST_INVALID", fields=problems.unknown("query", unknown))
            return await answer(request)

        return handler


async def _answered(house: House, request: Request, answer: Handler) -> Response:
    limit = asyncio.timeout(answers.PAGE_SECONDS + _asked_wait(request))
    try:
        async with limit:
            return await answer(await _read(request))
    except Stop as stop:
        return problems.of_stop(house, stop)
    except errors.ServiceError as error:
        return problems.of_error(house, error)
    except RequestValidationError as error:
        return problems.of_fields(house, error)
    except HTTPException:
        # FastAPI's own word for a body that its parser gave up on.
        return problems.problem(house, "REQUEST_INVALID", 400)
    except Exception as error:
        if limit.expired():
            return problems.of_stop(house, Stop("DEADLINE_EXCEEDED"))
        answers.log_defect(error)
        return problems.of_stop(house, Stop("INTERNAL"))


def _asked_wait(request: Request) -> int:
    """Return the seconds that the caller wants to wait; the contract refuses more than the longest."""
    asked = request.query_params.get("wait", "")
    return int(asked) if asked.isascii() and asked.isdecimal() and len(asked) <= 2 else 0


async def _read(request: Request) -> Request:
    """Return the request with its whole body read; refuses what is no JSON or too much of it."""
    if not _accepts_json(request.headers.get("accept", "")):
        raise Stop("NOT_ACCEPTABLE")
    if request.method in SAFE_METHODS:
        return request
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    plain = request.headers.get("content-encoding", "identity").lower() == "identity"
    if kind.strip().lower() != JSON or charset not in {"", "charset=utf-8"} or not plain:
        raise Stop("MEDIA_TYPE_UNSUPPORTED")
    try:
        body = await body_within_limit(request.receive)
    except TooLarge:
        raise Stop("REQUEST_TOO_LARGE") from None
    return Request(request.scope, _once(body))


def _once(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _accepts_json(accept: str) -> bool:
    if not accept.strip():
        return True
    for each in accept.split(","):
        kind, _, parameters = each.partition(";")
        refused = parameters.replace(" ", "").lower() in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
        if kind.strip().lower() in _ANSWERED_IN and not refused:
            return True
    return False
