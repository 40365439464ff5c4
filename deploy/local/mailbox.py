"""The capture mailbox: takes every mail by SMTP, shows it on a page, delivers nothing.

In a test: `with Mailbox() as mailbox:` and `SMTP_URL=mailbox.smtp_url`. As a process of the stack:
`python -m deploy.local.mailbox --smtp-port P --http-port Q --folder DIR`.
"""

import argparse
import email
import email.policy
import json
from collections import deque
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Self, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.local.child import free_port, wait_until

DROP = "drop"
"""As an answer: close the connection without a word."""


@dataclass(frozen=True)
class Mail:
    """One mail as it arrived."""

    number: int
    recipients: tuple[str, ...]
    message: EmailMessage

    @property
    def subject(self) -> str:
        """Its subject, in one line."""
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        """Its text part. Raises LookupError when there is none: every mail of ours has one."""
        part = self.message.get_body(("plain",))
        if part is None:
            raise LookupError("a mail without a text part")
        return str(part.get_content()).replace("\r\n", "\n")

    @property
    def html(self) -> str:
        """Its HTML part, or nothing."""
        part = self.message.get_body(("html",))
        return str(part.get_content()) if part else ""


class Mailbox:
    """An SMTP server on 127.0.0.1 that keeps what it gets, and can be told how to answer."""

    def __init__(self, smtp_port: int = 0, folder: Path | None = None) -> None:
        """Port 0: a free one. `folder`: keep mails there, so that a restart loses none."""
        self._port, self._folder = smtp_port or free_port(), folder
        self._mails: list[Mail] = []
        self._answers: dict[str, deque[str]] = {"RCPT": deque(), "DATA": deque(), "AFTER_DATA": deque()}
        self._controller: Controller | None = None
        if folder:
            folder.mkdir(parents=True, exist_ok=True)
            for path in sorted(folder.glob("*.eml")):
                self._keep(tuple(json.loads(path.with_suffix(".json").read_text())), path.read_bytes())

    @property
    def smtp_url(self) -> str:
        """What `SMTP_URL` takes."""
        return f"smtp://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listen; after a stop, on the same port."""
        # Server names a fixed host, so that the machine's own name stands in no mail.
        self._controller = Controller(
            _Handler(self), hostname="127.0.0.1", port=self._port, server_hostname="localhost",
            ready_timeout=60,
        )  # fmt: skip
        self._controller.start()

    def stop(self) -> None:
        """Stop listening; what came stays."""
        if self._controller:
            self._controller.stop()
            self._controller = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def messages(self, to: str | None = None) -> list[Mail]:
        """All mails in the order they came, or those to one address."""
        return [mail for mail in list(self._mails) if to is None or to in mail.recipients]

    def wait_for(self, count: int = 1, to: str | None = None, seconds: float = 60) -> list[Mail]:
        """The mails, as soon as there are `count`. Raises TimeoutError."""
        wait_until(f"{count} mails", lambda: len(self.messages(to)) >= count, seconds, 0.02)
        return self.messages(to)

    def answer_next(self, stage: str, *replies: str) -> None:
        """Answer the next times at `stage` with these SMTP replies, such as "451 4.7.1 later", or DROP.

        RCPT and DATA refuse before the mail counts as taken; AFTER_DATA keeps the mail first, so DROP
        there is an accepted mail whose answer was lost.
        """
        self._answers[stage].extend(replies)

    def next_answer(self, stage: str) -> str | None:
        """The reply planned for this stage, once."""
        planned = self._answers[stage]
        return planned.popleft() if planned else None

    def take(self, recipients: tuple[str, ...], raw: bytes) -> None:
        """Keep one mail."""
        mail = self._keep(recipients, raw)
        if self._folder:
            path = self._folder / f"{mail.number:06}.eml"
            path.with_suffix(".json").write_text(json.dumps(recipients))
            path.write_bytes(raw)

    def _keep(self, recipients: tuple[str, ...], raw: bytes) -> Mail:
        message = email.message_from_bytes(raw, policy=email.policy.default)
        mail = Mail(len(self._mails) + 1, recipients, message)
        self._mails.append(mail)
        return mail


class _Handler:
    """What aiosmtpd calls, by the names that it fixes."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, _: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        planned = self._mailbox.next_answer("RCPT")
        if planned is None:
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        return _say(server, planned)

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:  # noqa: N802
        planned = self._mailbox.next_answer("DATA")
        if planned is None:
            self._mailbox.take(tuple(envelope.rcpt_tos), cast("bytes", envelope.original_content))
            planned = self._mailbox.next_answer("AFTER_DATA")
        return _say(server, planned)


def _say(server: SMTP, planned: str | None) -> str:
    if planned == DROP:
        cast("Any", server).transport.abort()
    return planned or "250 2.0.0 OK"


def main() -> None:
    """Serve SMTP and the page until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.mailbox", description=__doc__)
    parser.add_argument("--smtp-port", type=int, required=True)
    parser.add_argument("--http-port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    from deploy.local.mailbox_page import serve

    with Mailbox(options.smtp_port, options.folder) as mailbox:
        serve(mailbox, options.http_port)


if __name__ == "__main__":
    main()
