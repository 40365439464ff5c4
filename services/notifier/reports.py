"""Delivery status notifications (RFC 3464), as mail services write them: read, and never trusted further.

A report says one thing here, about the one mail whose return address it came to. Its text, and any copy
of our mail in it, is dropped unread.
"""

import email
import email.policy
from email.message import Message

from services.notifier.domain.bounce import Report, report_of

LARGEST_REPORT = 256 * 1024
"""Bytes. Servers give back headers or the whole mail; ours has less than 32 KiB."""


def read_report(raw: bytes) -> Report | None:
    """Return the last word on the mail; None where this is no such report, or none that settles it."""
    message = email.message_from_bytes(raw, policy=email.policy.compat32)
    if message.get_content_type() != "multipart/report":
        return None
    if str(message.get_param("report-type", "")).lower() != "delivery-status":
        return None
    blocks = [block for part in _status_parts(message) for block in _blocks(part)]
    found = [
        report_of(str(block["Action"]), str(block["Status"] or "")) for block in blocks if block["Action"]
    ]
    # One mail has one recipient: several blocks are of those it was forwarded to, and the worst counts.
    settled = sorted((report for report in found if report), key=lambda report: report.fate)
    return settled[0] if settled else None


def _status_parts(message: Message) -> list[Message]:
    parts = message.get_payload()
    if not isinstance(parts, list):
        return []
    wanted = ("message/delivery-status", "message/global-delivery-status")
    return [part for part in parts if isinstance(part, Message) and part.get_content_type() in wanted]


def _blocks(part: Message) -> list[Message]:
    """Return the groups of fields: the first is of the message, the others of its recipients."""
    groups = part.get_payload()
    first = [group for group in groups if isinstance(group, Message)] if isinstance(groups, list) else []
    # Of a `global-delivery-status` the parser knows the first group, and takes the others for its text.
    texts = [str(group.get_payload()).replace("\r\n", "\n") for group in first]
    others = [fields for text in texts for fields in text.split("\n\n") if fields.strip()]
    return [*first, *(email.message_from_string(fields, policy=email.policy.compat32) for fields in others)]
