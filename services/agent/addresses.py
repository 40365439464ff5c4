"""Which page addresses this machine opens. The gateway names one; a bad gateway could name any."""

import re
import webbrowser
from urllib.parse import urlsplit

LINK = re.compile(r"smartcard-unlock:[A-Z0-9-]{0,16}")
"""The link that may start the agent. It carries no authority: nothing is read from it."""
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def is_link(text: str) -> bool:
    """Return whether this is the link's one form; its sender may be anyone."""
    return LINK.fullmatch(text) is not None


def is_trusted(address: str, origin: str) -> bool:
    """Return whether a page address may be shown and opened.

    With a configured origin only below it; without one https, or plain http on this machine.
    """
    if not address.isascii() or not address.isprintable() or " " in address:
        return False
    if origin:
        return address.startswith(origin.rstrip("/") + "/")
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


def browser(address: str) -> None:
    """Open the person's browser."""
    webbrowser.open(address)
