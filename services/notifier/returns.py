"""Where mails come back to: a small SMTP server that takes delivery reports and nothing else.

The address a mail may be returned to is made for it alone (RFC 5321, 4.5.5 and 3.6.3: reports have an
empty sender), and nobody knows it who did not carry the mail. It only takes; it never sends.
"""

import asyncio
import re
import ssl
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from services.notifier.reports import LARGEST_REPORT, read_report
from services.notifier.room import Conversation, Room
from services.notifier.use_cases import Deliveries, Taking
from services.runtime import logs
from services.runtime.database import TransientDatabaseError

EMPTY = (None, "", "<>")
"""An empty reverse-path, as aiosmtpd may say it."""

TAKEN = "250 2.0.0 taken"
LATER = "451 4.3.0 try again later"
NOBODY = "550 5.1.1 nobody here by that name"

log = logs.logger("returns")


class Returns:
    """Listens for reports; keeps `process.Listener`."""

    def __init__(self, deliveries: Deliveries, address: str, listen: str, tls: ssl.SSLContext | None) -> None:
        """`address`: local part and domain of all return addresses, without their token."""
        local, _, domain = address.partition("@")
        pattern = rf"{re.escape(local)}\+([a-z2-7]{{24}})@{re.escape(domain)}\Z"
        self._handler = _Handler(deliveries, re.compile(pattern, re.IGNORECASE))
        host, _, port = listen.rpartition(":")
        self._host, self._wanted, self._tls = host, int(port), tls
        self._room = Room()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port it listens on, once it has started."""
        return int(self._server.sockets[0].getsockname()[1]) if self._server else 0

    async def start(self) -> None:
        """Begin to listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._conversation, self._host, self._wanted)

    async def stop(self, grace_seconds: float) -> None:
        """Stop listening; whoever was talking asks again elsewhere or later."""
        del grace_seconds
        if self._server:
            self._server.close()
        self._room.hang_up()

    def _conversation(self) -> SMTP:
        return Conversation(
            self._room,
            self._handler,
            data_size_limit=LARGEST_REPORT,
            hostname="returns",
            ident="returns",
            tls_context=self._tls,
        )


class _Handler:
    """What aiosmtpd calls, by the names that it fixes."""

    def __init__(self, deliveries: Deliveries, address: re.Pattern[str]) -> None:
        self._deliveries = deliveries
        self._address = address

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str | None, options: list[str]
    ) -> str:
        if address not in EMPTY:
            return "550 5.7.1 reports have an empty sender"
        envelope.mail_from = "<>"  # aiosmtpd takes what is false for "no MAIL yet"
        return TAKEN

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if envelope.rcpt_tos:
            return "452 4.5.3 one recipient at a time"
        if not self._address.match(address):
            return NOBODY
        envelope.rcpt_tos.append(address)
        return TAKEN

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        named = self._address.match(envelope.rcpt_tos[0])
        content: Any = envelope.original_content
        report = read_report(content or b"")
        if named is None or report is None:
            log.info("return_set_aside")
            return TAKEN
        try:
            taking = await self._deliveries.take_report(named[1].lower(), report)
        except TransientDatabaseError:
            return LATER
        return {Taking.TAKEN: TAKEN, Taking.EARLY: LATER, Taking.NOBODY: NOBODY}[taking]
