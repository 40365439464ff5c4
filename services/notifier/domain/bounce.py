"""What mail services say of a mail after they took it: delivered, or given back and why.

Pure: how a report arrives and is read is not here.
"""

from dataclasses import dataclass
from enum import StrEnum


class Fate(StrEnum):
    """What became of a mail that was taken."""

    DELIVERED = "DELIVERED"
    BOUNCED = "BOUNCED"


@dataclass(frozen=True)
class Report:
    """The last word on one mail; the reason only for BOUNCED."""

    fate: Fate
    reason: str = ""


MAILBOX_UNKNOWN = "MAILBOX_UNKNOWN"
MAILBOX_FULL = "MAILBOX_FULL"
MAIL_BLOCKED = "MAIL_BLOCKED"
MAIL_RETURNED = "MAIL_RETURNED"

_REASONS = {
    "1.1": MAILBOX_UNKNOWN,
    "1.2": MAILBOX_UNKNOWN,
    "1.3": MAILBOX_UNKNOWN,
    "1.6": MAILBOX_UNKNOWN,
    "1.10": MAILBOX_UNKNOWN,
    "2.1": MAILBOX_UNKNOWN,
    "2.2": MAILBOX_FULL,
}
"""Subject and detail of an enhanced status code, without its class. Source: RFC 3463, RFC 7505."""


def report_of(action: str, status: str) -> Report | None:
    """Return what an `Action` and a `Status` say (RFC 3464, 2.3.3 and 2.3.4); None for no last word.

    `delayed` is none, and neither are `relayed` and `expanded`: nobody knows yet whether it arrived.
    """
    word = action.strip().lower()
    if word == "delivered":
        return Report(Fate.DELIVERED)
    if word != "failed":
        return None
    _, _, detail = status.strip().partition(".")
    blocked = detail.startswith("7.")
    return Report(Fate.BOUNCED, MAIL_BLOCKED if blocked else _REASONS.get(detail, MAIL_RETURNED))
