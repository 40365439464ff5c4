"""One trace id from a click to its audit record (W3C Trace Context, `traceparent`).

The id travels in RPC metadata and in event headers; it names nobody.
"""

import re
import secrets
from contextvars import ContextVar

_FORM = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z")

_current: ContextVar[str] = ContextVar("traceparent", default="")


def start(incoming: str = "") -> str:
    """Go on with a caller's trace, or begin one; return the traceparent that is now current."""
    fresh = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
    traceparent = incoming if _FORM.match(incoming) else fresh
    _current.set(traceparent)
    return traceparent


def current() -> str:
    """Return the current traceparent; empty outside a trace."""
    return _current.get()


def trace_id() -> str:
    """Return the 32-character trace id, which people quote as the correlation id."""
    return _current.get()[3:35]
