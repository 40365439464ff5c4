"""A letter as the bytes of a mail: RFC 5322 headers, two quoted-printable parts (RFC 2045, RFC 2046).

Written out here, since our mails all have one form: the standard library's header parser takes fifty times
as long for each of them. The same letter gives the same bytes.
"""

import binascii
import functools
from email.errors import MessageError
from email.header import Header
from email.headerregistry import Address
from email.utils import format_datetime

from services.notifier.ports import Letter, Refused

BOUNDARY = "=_smartcard-unlock"
"""`=_` never stands in quoted-printable text. Source: RFC 2045, 6.7."""

LONGEST_LINE = 78
"""Characters. Source: RFC 5322, 2.1.1."""

_UNENCODED = frozenset(map(chr, range(0x20, 0x7F)))


def mail_of(letter: Letter, sender: str) -> bytes:
    """Return the mail as it goes to a mail service, lines ended by CR LF.

    Raises Refused for an address or a subject that no mail can bear, such as one with a line break.
    """
    headers = {
        "From": _from(sender),
        "To": _address(letter.recipient).addr_spec,
        "Subject": _subject(letter.subject),
        "Date": format_datetime(letter.date),
        "Message-ID": _plain(f"<{letter.message_id}@{sender.rpartition('@')[2]}>"),
        "Auto-Submitted": "auto-generated",  # RFC 3834: no vacation answers
        "Content-Language": "en-GB",
        "MIME-Version": "1.0",
        "Content-Type": f'multipart/alternative; boundary="{BOUNDARY}"',
    }
    return b"".join((
        _lines(headers),
        _part("plain", letter.text),
        _part("html", letter.html),
        f"--{BOUNDARY}--\r\n".encode("ascii"),
    ))  # fmt: skip


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
    """Return a subject as a header bears it (RFC 2047 where it must be)."""
    if "\r" in text or "\n" in text:
        raise Refused
    if len("Subject: ") + len(text) <= LONGEST_LINE and _UNENCODED.issuperset(text):
        return text
    return Header(text, "utf-8", header_name="Subject").encode(linesep="\r\n")


def _plain(value: str) -> str:
    """Return what stands in a header as it is. Raises Refused for all but printable ASCII."""
    if not _UNENCODED.issuperset(value):
        raise Refused
    return value


def _part(kind: str, text: str) -> bytes:
    headers = {
        "Content-Type": f'text/{kind}; charset="utf-8"',
        "Content-Transfer-Encoding": "quoted-printable",
    }
    body = binascii.b2a_qp("\n".join(text.splitlines()).encode("utf-8"), istext=True)
    start = f"--{BOUNDARY}\r\n".encode("ascii")
    return b"".join((start, _lines(headers), body.replace(b"\n", b"\r\n"), b"\r\n"))


def _lines(headers: dict[str, str]) -> bytes:
    """Return headers and the empty line that ends them."""
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("ascii") + b"\r\n"
