"""SMTP: letters as mail, over connections that are kept (aiosmtplib).

A reply of 4xx, a silence or a broken connection may pass; a reply of 5xx will not. When a
connection breaks after the letter was handed over, nobody knows: then it is sent again, as the
same mail with the same Message-ID, and by this service only.
"""

import asyncio
import functools
import ipaddress
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import aiosmtplib

from services.notifier.mime import mail_of
from services.notifier.ports import Letter, MaybeTaken, Refused, Unreachable

FRESH_SECONDS = 5.0
"""An idle connection that was used this recently is taken without asking whether it still lives."""

KEPT_CONNECTIONS = 8

ASKS_TO_KNOW = ("RET=HDRS",)
ASKS_OF = ("NOTIFY=SUCCESS,FAILURE",)
"""What is asked of a service that can report (RFC 3461): headers back, for good news and bad."""


ABOUT_US = frozenset({502, 503, 530, 534, 535, 538})
"""Replies to how we came (TLS or a login first): no letter is at fault. Source: RFC 3207, RFC 4954."""


@dataclass(frozen=True)
class SmtpService:
    """A mail service, by its address `smtp://host:port` or `smtps://host:port`, and how it is trusted.

    The name in its certificate is always checked. `smtp` turns to TLS (STARTTLS) where the service offers
    it, and speaks to no other where TLS is required.
    """

    url: str
    tls_required: bool = False
    ca_file: Path | None = None
    """Whom to trust, PEM; None: whom the system trusts."""

    @property
    def host(self) -> str:
        """Its name or address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Where it listens; by default 465 with TLS from the start, else 25."""
        return urlsplit(self.url).port or (465 if self.tls_from_the_start else 25)

    @property
    def tls_from_the_start(self) -> bool:
        """True for smtps (RFC 8314)."""
        return urlsplit(self.url).scheme == "smtps"

    @property
    def start_tls(self) -> bool | None:
        """Whether STARTTLS must be, may not be (False), or may be where it is offered (None)."""
        if self.tls_from_the_start:
            return False
        return True if self.tls_required else None

    @property
    def is_here(self) -> bool:
        """True where no other machine can listen."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def client(self) -> aiosmtplib.SMTP:
        """Return a client that is not connected yet."""
        return aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            use_tls=self.tls_from_the_start,
            start_tls=self.start_tls,
            tls_context=_trusting(self.ca_file, self.ca_file.stat().st_mtime_ns if self.ca_file else 0),
            local_hostname="localhost",
            timeout=20,
        )


class SmtpMail:
    """Hands letters to one mail service; keeps the port Mail."""

    def __init__(self, service: SmtpService, sender: str, returns: str = "") -> None:
        """`returns`: where mails may be returned to, without their token; empty: to `sender`, unread."""
        self._service = service
        self._sender = sender
        self._returns = returns
        self._idle: list[tuple[aiosmtplib.SMTP, float]] = []

    async def send(self, letter: Letter, within: timedelta, *, again: bool = False) -> None:
        """Return when the service has taken it. Raises Refused, Unreachable or MaybeTaken.

        `again` changes nothing: SMTP cannot be asked, and a repeat is the same mail.
        """
        del again
        handing = _Handing(mail_of(letter, self._sender), self._return_path(letter), letter.recipient)
        try:
            async with asyncio.timeout(within.total_seconds()):
                await self._hand_over(handing)
        except aiosmtplib.SMTPResponseException as error:
            raise (Refused if _is_final(error) else Unreachable) from None
        except (aiosmtplib.SMTPException, OSError, TimeoutError, asyncio.IncompleteReadError):
            raise (MaybeTaken if handing.under_way else Unreachable) from None

    async def close(self) -> None:
        """Say goodbye on the connections that are kept."""
        for client, _ in self._idle:
            with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await client.quit()
        self._idle.clear()

    def _return_path(self, letter: Letter) -> str:
        local, _, domain = self._returns.partition("@")
        return f"{local}+{letter.return_token}@{domain}" if domain and letter.return_token else self._sender

    async def _hand_over(self, handing: "_Handing") -> None:
        client = await self._connection()
        try:
            await handing.over(client)
        except BaseException:
            client.close()
            raise
        if len(self._idle) < KEPT_CONNECTIONS:
            self._idle.append((client, time.monotonic()))
        else:
            client.close()

    async def _connection(self) -> aiosmtplib.SMTP:
        while self._idle:
            client, used = self._idle.pop()
            if client.is_connected and (
                time.monotonic() - used < FRESH_SECONDS or await _still_lives(client)
            ):
                return client
            client.close()
        client = self._service.client()
        try:
            await client.connect()
        except BaseException:
            client.close()
            raise
        return client


@dataclass
class _Handing:
    """One mail on its way over one connection."""

    message: bytes
    return_path: str
    recipient: str
    under_way: bool = False
    """From here on a silence may mean that it was taken."""

    async def over(self, client: aiosmtplib.SMTP) -> None:
        if client.is_ehlo_or_helo_needed:
            await client.ehlo()
        reports = client.supports_extension("dsn")
        await client.mail(self.return_path, options=ASKS_TO_KNOW if reports else ())
        await client.rcpt(self.recipient, options=ASKS_OF if reports else ())
        self.under_way = True
        await client.data(self.message)


@functools.lru_cache(maxsize=4)
def _trusting(ca_file: Path | None, written_ns: int) -> ssl.SSLContext:
    """Return the context of all connections to a service: reading whom the system trusts takes 17 CPU-ms.

    `written_ns`: when the file was written; a new one is read. Raises OSError for a bad file.
    """
    del written_ns
    return ssl.create_default_context(cafile=ca_file)


async def _still_lives(client: aiosmtplib.SMTP) -> bool:
    try:
        await client.noop()
    except (aiosmtplib.SMTPException, OSError, TimeoutError):
        return False
    return True


def _is_final(error: aiosmtplib.SMTPResponseException) -> bool:
    """Tell whether the service said 5xx to this letter; a 5xx to us or to our connection may be mended."""
    if not isinstance(error, aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPDataError):
        return False
    return error.code >= 500 and error.code not in ABOUT_US
