"""Mail services that go wrong in one way each, as real SMTP conversations on loopback."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.child import free_port
from deploy.local.keys import Keys, issue

Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def certificate(keys: Keys, folder: Path, name: str) -> ssl.SSLContext:
    """A server's side of TLS, with a certificate of our authority for `name`."""
    pem, key = issue(keys, "notifier", name=name)
    folder.mkdir(exist_ok=True)
    (folder / "mail.pem").write_bytes(pem)
    (folder / "mail.key").write_bytes(key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "mail.pem", folder / "mail.key")
    return context


class Kept:
    """Keeps what comes, and whether it came over TLS; `offers`: more of what EHLO answers."""

    def __init__(self, *offers: str) -> None:
        self.mails: list[Envelope] = []
        self.over_tls: list[bool] = []
        self.options: list[tuple[list[str], list[str]]] = []
        self._offers = offers

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], *(f"250-{offer}" for offer in self._offers), responses[-1]]

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.mails.append(envelope)
        self.over_tls.append(session.ssl is not None)
        self.options.append((envelope.mail_options, envelope.rcpt_options))
        return "250 OK"


class _WithDsn(SMTP):
    """aiosmtpd that knows the options of RFC 3461, which it refuses by itself."""

    async def smtp_MAIL(self, arg: str | None) -> Any:
        self._asked = [word for word in (arg or "").split() if word.startswith("RET=")]
        return await super().smtp_MAIL(_without(arg, "RET="))

    async def smtp_RCPT(self, arg: str | None) -> Any:
        asked = [word for word in (arg or "").split() if word.startswith("NOTIFY=")]
        answer = await super().smtp_RCPT(_without(arg, "NOTIFY="))
        assert self.envelope is not None
        self.envelope.mail_options.extend(self._asked)
        self.envelope.rcpt_options.extend(asked)
        return answer


def _without(arg: str | None, option: str) -> str:
    return " ".join(word for word in (arg or "").split() if not word.startswith(option))


@contextmanager
def smtp_server(
    kept: Kept, tls: ssl.SSLContext | None = None, *, from_the_start: bool = False
) -> Iterator[str]:
    """A server on 127.0.0.1; yields its address."""

    class Server(Controller):
        def factory(self) -> SMTP:
            start_tls = None if from_the_start else tls
            return _WithDsn(kept, hostname="localhost", tls_context=start_tls)

    port = free_port()
    server = Server(
        kept, hostname="127.0.0.1", port=port, server_hostname="localhost",
        ssl_context=tls if from_the_start else None, ready_timeout=60,
    )  # fmt: skip
    # Without TLS from the start, aiosmtpd proves by a connection that it serves.
    server.start()
    try:
        yield f"{'smtps' if from_the_start else 'smtp'}://localhost:{port}"
    finally:
        server.stop()


@asynccontextmanager
async def talker(conversation: Conversation) -> AsyncIterator[str]:
    """A server that talks as it is told; yields its address."""
    server = await asyncio.start_server(conversation, "127.0.0.1", 0)
    async with server:
        yield f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes the connection and never speaks."""
    await reader.read()
    writer.close()


async def one_byte_a_second(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begins its banner, and never gets to its end."""
    for byte in b"220 localhost ESMTP ready\r\n":
        writer.write(bytes([byte]))
        await asyncio.sleep(1)


def stalls_after(word: str) -> Conversation:
    """Answers each command as it should until one, and then never again."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 localhost ESMTP\r\n")
        while line := await reader.readline():
            command = line[:4].upper().decode("ascii", "replace")
            if command == word:
                await reader.read()
                break
            writer.write(b"354 go on\r\n" if command == "DATA" else b"250 OK\r\n")
        writer.close()

    return talk
