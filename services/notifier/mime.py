"""A letter as the bytes of a mail: headers and two quoted-printable parts (RFC 5322, RFC 2045, RFC 2046).

By the standard library's older policy: its newer one reads each header as it is set, and takes more than
twice as long for every mail. What that one refuses is refused here. The same letter gives the same bytes.
"""

import functools
from email.charset import QP, Charset
from email.errors import MessageError
from email.headerregistry import Address
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.policy import compat32
from email.utils import format_datetime

from services.notifier.ports import Letter, Refused

BOUNDARY = "=_smartcard-unlock"
"""`=_` never stands in quoted-printable text. Source: RFC 2045, 6.7."""

_CRLF = compat32.clone(linesep="\r\n")

_QUOTED_PRINTABLE = Charset("utf-8")
_QUOTED_PRINTABLE.body_encoding = QP

_UNENCODED = frozenset(map(chr, range(0x20, 0x7F)))


def mail_of(letter: Letter, sender: str) -> bytes:
    """Return the mail as it goes to a mail service, lines ended by CR LF.

    Raises Refused for an address or a subject that no mail can bear, such as one with a line break.
    """
    mail = MIMEMultipart("alternative", boundary=BOUNDARY)
    mail["From"] = _from(sender)
    mail["To"] = _address(letter.recipient).addr_spec
    mail["Subject"] = _subject(letter.subject)
    mail["Date"] = format_datetime(letter.date)
    mail["Message-ID"] = _plain(f"<{letter.message_id}@{sender.rpartition('@')[2]}>")
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation answers
    mail["Content-Language"] = "en-GB"
    for kind, text in (("plain", letter.text), ("html", letter.html)):
        part = MIMENonMultipart("text", kind)
        part.set_payload("\n".join(text.splitlines()), _QUOTED_PRINTABLE)
        mail.attach(part)
    return mail.as_bytes(policy=_CRLF)


@functools.cache
def _from(sender: str) -> str:
    return f"Smartcard unlock <{_address(sender).addr_spec}>"


def _address(text: str) -> Address:
    """Return one address and nothing beside it. Raises Refused."""
    try:
        return Address(addr_spec=_plain(text))
    except (ValueError, IndexError, AttributeError, MessageError) as error:
        raise Refused from error


def _subject(text: str) -> str:
    """Return a subject, which is encoded where it must be (RFC 2047). Raises Refused for one of two lines."""
    if "\r" in text or "\n" in text:
        raise Refused
    return text


def _plain(value: str) -> str:
    """Return what stands in a header as it is. Raises Refused for all but printable ASCII."""
    if not _UNENCODED.issuperset(value):
        raise Refused
    return value
