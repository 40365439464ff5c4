"""The port Mail against real SMTP conversations."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from deploy.local.child import free_port
from deploy.local.mailbox import DROP, Mailbox
from services.notifier.mail import SmtpMail, SmtpService
from services.notifier.ports import Letter, MaybeTaken, Refused, Unreachable

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LETTER = Letter("id-1", NOON, "test-holder-0001@example.org", "Subject", "Grüße\n.\nline", "<p>text</p>")
WITHIN = timedelta(seconds=30)


@asynccontextmanager
async def mail_to(url: str) -> AsyncIterator[SmtpMail]:
    mail = SmtpMail(SmtpService(url), "no-reply@example.org")
    yield mail
    await mail.close()


async def test_F13_an_accepted_letter_arrives_as_it_was_written(mailbox: Mailbox) -> None:
    async with mail_to(mailbox.smtp_url) as mail:
        await mail.send(LETTER, WITHIN)

    (arrived,) = mailbox.wait_for(1, to=LETTER.recipient)
    assert arrived.subject == "Subject"
    assert arrived.text.splitlines() == ["Grüße", ".", "line"]
    assert arrived.html.strip() == "<p>text</p>"


@pytest.mark.parametrize("stage", ["RCPT", "DATA"])
async def test_F13_greylisting_then_accepted(mailbox: Mailbox, stage: str) -> None:
    mailbox.answer_next(stage, "451 4.7.1 come back later")
    async with mail_to(mailbox.smtp_url) as mail:
        with pytest.raises(Unreachable):
            await mail.send(LETTER, WITHIN)
        await mail.send(LETTER, WITHIN)

    assert len(mailbox.wait_for(1)) == 1


async def test_F13_421_closes_and_the_next_try_connects_anew(mailbox: Mailbox) -> None:
    async with mail_to(mailbox.smtp_url) as mail:
        await mail.send(LETTER, WITHIN)
        mailbox.answer_next("RCPT", "421 4.3.2 going down")
        with pytest.raises(Unreachable):
            await mail.send(LETTER, WITHIN)
        await mail.send(LETTER, WITHIN)

    assert len(mailbox.wait_for(2)) == 2


@pytest.mark.parametrize("stage", ["RCPT", "DATA"])
async def test_F13_5xx_is_final(mailbox: Mailbox, stage: str) -> None:
    mailbox.answer_next(stage, "550 5.1.1 nobody here")
    async with mail_to(mailbox.smtp_url) as mail:
        with pytest.raises(Refused):
            await mail.send(LETTER, WITHIN)

    assert mailbox.messages() == []


async def test_F13_I11_cut_after_data_is_tried_again_as_the_same_mail(mailbox: Mailbox) -> None:
    mailbox.answer_next("AFTER_DATA", DROP)
    async with mail_to(mailbox.smtp_url) as mail:
        with pytest.raises(MaybeTaken):
            await mail.send(LETTER, WITHIN)
        await mail.send(LETTER, WITHIN)

    first, second = mailbox.wait_for(2)
    assert first.message["Message-ID"] == second.message["Message-ID"] == "<id-1@example.org>"


async def test_F13_no_mail_service() -> None:
    async with mail_to(f"smtp://127.0.0.1:{free_port()}") as mail:
        with pytest.raises(Unreachable):
            await mail.send(LETTER, WITHIN)


async def test_F13_a_service_that_says_nothing_costs_no_more_than_the_time_given() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    start = time.monotonic()
    async with server, mail_to(f"smtp://127.0.0.1:{port}") as mail:
        with pytest.raises(Unreachable):
            await mail.send(LETTER, timedelta(seconds=0.5))

    assert time.monotonic() - start < WITHIN.total_seconds() / 2


async def test_F13_a_slow_banner_is_waited_for(mailbox: Mailbox) -> None:
    target = int(mailbox.smtp_url.rpartition(":")[2])

    async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
        onward = asyncio.create_task(_pour(reader, far_writer))
        for byte in await far_reader.readline():
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.02)
        await _pour(far_reader, writer)
        await onward

    server = await asyncio.start_server(slowly, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, mail_to(f"smtp://127.0.0.1:{port}") as mail:
        await mail.send(LETTER, WITHIN)

    assert len(mailbox.wait_for(1)) == 1


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(4096):
        writer.write(chunk)
        await writer.drain()
    writer.close()


async def test_connections_are_used_again(mailbox: Mailbox) -> None:
    opened = 0
    target = int(mailbox.smtp_url.rpartition(":")[2])

    async def count(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(_pour(reader, far_writer), _pour(far_reader, writer))

    server = await asyncio.start_server(count, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, mail_to(f"smtp://127.0.0.1:{port}") as mail:
        for _ in range(5):
            await mail.send(LETTER, WITHIN)

    assert len(mailbox.wait_for(5)) == 5
    assert opened == 1


async def test_a_connection_that_died_in_idleness_costs_no_try(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifier.mail.FRESH_SECONDS", 0.0)
    async with mail_to(mailbox.smtp_url) as mail:
        await mail.send(LETTER, WITHIN)
        mailbox.stop()
        mailbox.start()
        await mail.send(LETTER, WITHIN)

    assert len(mailbox.wait_for(2)) == 2
