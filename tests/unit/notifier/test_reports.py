"""Delivery reports as mail services write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.domain.bounce import Fate, Report, report_of
from services.notifier.reports import read_report


def dsn(*recipients: str, kind: str = "delivery-status", part: str = "message/delivery-status") -> bytes:
    """A report in the form of Postfix and Exchange: words, fields, headers of the mail."""
    blocks = "\n\n".join(["Reporting-MTA: dns; mail.example.org\nX-Queue-ID: 4F2A", *recipients])
    return (
        (
            "From: MAILER-DAEMON@mail.example.org\n"
            "To: <returns+token@example.org>\n"
            "Subject: Undelivered Mail Returned to Sender\n"
            "Auto-Submitted: auto-replied\n"
            f'Content-Type: multipart/report; report-type={kind}; boundary="b"\n'
            "MIME-Version: 1.0\n\n"
            "--b\nContent-Type: text/plain\n\nI'm sorry to have to inform you.\n\n"
            f"--b\nContent-Type: {part}\n\n{blocks}\n\n"
            "--b\nContent-Type: text/rfc822-headers\n\nSubject: Your security code\n\n--b--\n"
        )
        .replace("\n", "\r\n")
        .encode()
    )


def recipient(action: str, status: str) -> str:
    return (
        "Final-Recipient: rfc822; test-holder-0001@example.org\n"
        f"Action: {action}\nStatus: {status}\nDiagnostic-Code: smtp; 550 what it said"
    )


@pytest.mark.parametrize(
    ("action", "status", "found"),
    [
        ("failed", "5.1.1", Report(Fate.BOUNCED, "MAILBOX_UNKNOWN")),
        ("Failed", "5.1.10", Report(Fate.BOUNCED, "MAILBOX_UNKNOWN")),
        ("failed", "5.2.1", Report(Fate.BOUNCED, "MAILBOX_UNKNOWN")),
        ("failed", "5.2.2", Report(Fate.BOUNCED, "MAILBOX_FULL")),
        ("failed", "4.2.2", Report(Fate.BOUNCED, "MAILBOX_FULL")),
        ("failed", "5.7.1", Report(Fate.BOUNCED, "MAIL_BLOCKED")),
        ("failed", "5.0.0", Report(Fate.BOUNCED, "MAIL_RETURNED")),
        ("failed", "4.4.7", Report(Fate.BOUNCED, "MAIL_RETURNED")),
        ("failed", "", Report(Fate.BOUNCED, "MAIL_RETURNED")),
        ("delivered", "2.0.0", Report(Fate.DELIVERED)),
        ("delayed", "4.4.1", None),
        ("relayed", "2.0.0", None),
        ("expanded", "2.0.0", None),
        ("", "5.1.1", None),
    ],
)
def test_F13_a_report_says_what_became_of_the_mail(action: str, status: str, found: Report | None) -> None:
    assert report_of(action, status) == found
    assert read_report(dsn(recipient(action, status))) == found


def test_a_report_in_utf8_is_read_too() -> None:
    raw = dsn(recipient("failed", "5.1.1"), part="message/global-delivery-status")

    assert read_report(raw) == Report(Fate.BOUNCED, "MAILBOX_UNKNOWN")


def test_of_several_the_worst_counts() -> None:
    raw = dsn(recipient("delivered", "2.0.0"), recipient("failed", "5.2.2"))

    assert read_report(raw) == Report(Fate.BOUNCED, "MAILBOX_FULL")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"Subject: I am on holiday\r\n\r\nback on Monday; Action: failed\r\n",
        dsn(recipient("failed", "5.1.1"), kind="disposition-notification"),
        dsn(recipient("failed", "5.1.1"), part="text/plain"),
        dsn(),
        b'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\nno parts',
    ],
)
def test_anything_else_is_no_report(raw: bytes) -> None:
    assert read_report(raw) is None


@given(st.binary(max_size=2_000))
def test_S55_no_bytes_break_the_reader(noise: bytes) -> None:
    whole = dsn(recipient("failed", "5.1.1"))

    read_report(noise)
    read_report(whole[:400] + noise + whole[400:])
