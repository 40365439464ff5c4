"""SMTP: letters as mail, over connections that are kept (aiosmtplib).

A reply of 4xx, a silence or a broken connection may pass; a reply of 5xx will not. When a
connection breaks after the letter was handed over, nobody knows: then it is sent again, as the
same mail with the same Message-ID.
"""

import asyncio
import ssl
import time
from contextlib import suppress
from datetime import timedelta
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from urllib.parse import urlsplit

import aiosmtplib

from services.notifier.ports import Letter, Refused, Unreachable

FRESH_SECONDS = 5.0
"""An idle connection that was used this recently is taken without asking whether it still lives."""

KEPT_CONNECTIONS = 8


class SmtpMail:
    """One mail service, by its address `smtp://host:port` or `smtps://host:port`.

    `smtp` turns to TLS where the service offers it; certificates are always checked.
    """

    def __init__(self, url: str, sender: str) -> None:
        parsed = urlsplit(url)
        self._host, self._tls = parsed.hostname or "", parsed.scheme == "smtps"
        self._port = parsed.port or (465 if self._tls else 25)
        self._sender = sender
        self._idle: list[tuple[aiosmtplib.SMTP, float]] = []

    async def send(self, letter: Letter, within: timedelta) -> None:
        """Return when the service has taken it. Raises Refused or Unreachable."""
        message = mail_of(letter, self._sender)
        try:
            async with asyncio.timeout(within.total_seconds()):
                await self._hand_over(message, letter.recipient)
        except aiosmtplib.SMTPException as error:
            raise (Refused if _is_final(error) else Unreachable) from None
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            raise Unreachable from None

    async def close(self) -> None:
        """Say goodbye on the connections that are kept."""
        for client, _ in self._idle:
            with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                await asyncio.wait_for(client.quit(), 1)
        self._idle.clear()

    async def _hand_over(self, message: EmailMessage, recipient: str) -> None:
        client = await self._connection()
        try:
            await client.sendmail(self._sender, [recipient], message.as_bytes())
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
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            use_tls=self._tls,
            start_tls=False if self._tls else None,
            tls_context=ssl.create_default_context(),
            local_hostname="localhost",
            timeout=20,
        )
        try:
            await client.connect()
        except BaseException:
            client.close()
            raise
        return client


def mail_of(letter: Letter, sender: str) -> EmailMessage:
    """Return the mail; the same letter gives the same Message-ID and date.

    Raises Refused for an address that no mail can bear, such as one with a line break.
    """
    message = EmailMessage(policy=SMTP_POLICY)
    try:
        recipient = Address(addr_spec=letter.recipient)
        message["From"] = Address(display_name="Smartcard unlock", addr_spec=sender)
        message["To"] = recipient
        message["Subject"] = letter.subject
    except (ValueError, IndexError, AttributeError, MessageError) as error:
        raise Refused from error
    message["Date"] = letter.date
    message["Message-ID"] = f"<{letter.message_id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation answers
    message["Content-Language"] = "en-GB"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    return message


async def _still_lives(client: aiosmtplib.SMTP) -> bool:
    try:
        await client.noop()
    except (aiosmtplib.SMTPException, OSError, TimeoutError):
        return False
    return True


def _is_final(error: aiosmtplib.SMTPException) -> bool:
    """Tell whether the service said 5xx to this letter; to a connection it may mend itself."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(refused.code >= 500 for refused in error.recipients)
    if isinstance(error, aiosmtplib.SMTPConnectResponseError | aiosmtplib.SMTPHeloError):
        return False
    return isinstance(error, aiosmtplib.SMTPResponseException) and error.code >= 500
