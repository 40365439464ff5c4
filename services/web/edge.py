"""The outermost layer of the pages (ASGI): headers on every answer, a limit on open requests, a last resort.

Whatever happens inside, a browser gets an answer with a code, and with every header. R13, S17, S21, S43.
"""

import secrets

from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.runtime import logs
from services.web.security import FIXED_HEADERS, content_policy

MOST_OPEN_REQUESTS = 2_000
"""Each waiting page holds one; more are told to come back, so that unlocks under way can finish."""
HSTS = "max-age=63072000; includeSubDomains"

log = logs.logger("edge")


def _plain_page(title: str, code: str, status: int) -> HTMLResponse:
    html = (
        f'<!doctype html><html lang="en"><title>{title}</title><h1>{title}</h1><p>Try again in a minute.</p>'
        f'<p>Error code: <a href="/help/errors/{code}" data-error-code="{code}">{code}</a></p></html>'
    )
    return HTMLResponse(html, status_code=status)


LAST_RESORT = _plain_page("Something went wrong on our side", "INTERNAL", 500)
"""Where even the page of an error could not be made: never blank, never a stack trace."""
BUSY = _plain_page("Too many people use this service now", "SERVICE_UNAVAILABLE", 503)
BUSY.headers["Retry-After"] = "30"


class SecureEdge:
    """Wraps the whole application."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._https = https
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, https=self._https)
        scope.setdefault("state", {})["nonce"] = answer.nonce
        self._open += 1
        try:
            inside = self._app if self._open <= MOST_OPEN_REQUESTS else BUSY
            await inside(scope, receive, answer.send)
        except Exception as error:
            log.error("defect_at_the_edge", error=type(error).__name__)
            if not answer.started:
                await LAST_RESORT(scope, receive, answer.send)
        finally:
            self._open -= 1


class _Answer:
    """Sends one answer, with the headers that every answer has."""

    def __init__(self, send: Send, *, https: bool) -> None:
        self.nonce = secrets.token_urlsafe(16)
        self.started = False
        self._send = send
        self._https = https

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            headers.update(FIXED_HEADERS)
            headers["Content-Security-Policy"] = content_policy(self.nonce)
            headers.setdefault("Cache-Control", "no-store")
            if self._https:
                headers["Strict-Transport-Security"] = HSTS
        await self._send(message)
