"""What protects the pages at the edge: headers on every answer, size limits, where a form came from.

Sources: OWASP ASVS 5.0 chapter 3; quality S14 to S22, S42.
"""

import hmac
from collections.abc import Mapping

from starlette.types import Receive, Scope

from services.runtime.sources import source_of

MOST_BODY_BYTES = 16 * 1024
"""Source: quality S42."""
SAFE_METHODS = frozenset({"GET", "HEAD"})
HASHED_FILE_LIFE = "public, max-age=31536000, immutable"

FIXED_HEADERS = {
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
    """Return the browser's address, as guesses are counted by it; empty where nobody knows."""
    client = scope.get("client")
    return source_of(str(client[0]) if client else "", forwarded, trusted_hops)
