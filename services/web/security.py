"""What protects the pages at the edge: headers on every answer, size limits, where a form came from.

Sources: OWASP ASVS 5.0 chapter 3; quality S14 to S22, S42.
"""

import hmac
import secrets
from collections.abc import Mapping

from starlette.datastructures import MutableHeaders
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.runtime import logs

MOST_BODY_BYTES = 16 * 1024
"""Source: quality S42."""
SAFE_METHODS = frozenset({"GET", "HEAD"})
HASHED_FILE_LIFE = "public, max-age=31536000, immutable"

log = logs.logger("edge")

_FIXED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Origin-Agent-Cluster": "?1",
    "X-Permitted-Cross-Domain-Policies": "none",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), serial=(), usb=()",
}


def content_policy(nonce: str) -> str:
    """Return the content security policy: our own files, one inline script by its nonce, no frames."""
    return (
        f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; img-src 'self';"
        " connect-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'none';"
        " base-uri 'none'"
    )


class SecureEdge:
    """ASGI: puts the headers on every answer, whoever makes it, and makes the nonce of a request."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        nonce = secrets.token_urlsafe(16)
        scope.setdefault("state", {})["nonce"] = nonce

        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._add(MutableHeaders(scope=message), nonce)
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            log.error("defect_at_the_edge", error=type(error).__name__)
            if not started:
                await _LAST_RESORT(scope, receive, send_with_headers)

    def _add(self, headers: MutableHeaders, nonce: str) -> None:
        headers.update(_FIXED)
        headers["Content-Security-Policy"] = content_policy(nonce)
        headers.setdefault("Cache-Control", "no-store")
        if self._https:
            headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"


_LAST_RESORT = HTMLResponse(
    '<!doctype html><html lang="en"><title>Something went wrong</title>'
    "<h1>Something went wrong on our side</h1>"
    "<p>Try again in a minute.</p>"
    '<p>Error code: <span data-error-code="INTERNAL">INTERNAL</span></p></html>',
    status_code=500,
)
"""Where even the page of an error could not be made: never blank, never a stack trace. R13."""


class TooLarge(Exception):
    """A request's body is longer than the pages accept."""


async def body_within_limit(receive: Receive) -> bytes:
    """Return the whole body; raises TooLarge as soon as it is too long."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        body += message.get("body", b"")
        if len(body) > MOST_BODY_BYTES:
            raise TooLarge
        if not message.get("more_body", False):
            return bytes(body)


def came_from_our_pages(headers: Mapping[str, str], origin: str) -> bool:
    """True where the browser says that one of our own pages sent the request.

    Fetch Metadata decides where the browser sends it; else Origin must be ours. An Origin of
    `null` says nothing: browsers send it because our referrer policy is `no-referrer`.
    """
    site = headers.get("sec-fetch-site", "")
    sender = headers.get("origin", "null")
    if sender not in {"null", origin}:
        return False
    return site == "same-origin" if site else sender == origin


def sent_by_another_site(headers: Mapping[str, str]) -> bool:
    """True where another site's link or script led here; a typed or agent-opened address is `none`."""
    return headers.get("sec-fetch-site", "none") == "cross-site"


def same_token(expected: str, given: str) -> bool:
    """Compare two tokens in constant time; an empty one never fits."""
    return bool(expected) and hmac.compare_digest(expected.encode(), given.encode())


def client_address(scope: Scope, forwarded: str, trusted_hops: int) -> str:
    """Return the browser's address: the connection's, or what the outermost trusted hop wrote down."""
    said = [part.strip() for part in forwarded.split(",") if part.strip()]
    if trusted_hops and len(said) >= trusted_hops:
        return said[-trusted_hops][:64]
    client = scope.get("client")
    return str(client[0]) if client else ""
