"""Mails that come back, by real SMTP, to the news of it, on both databases."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiosmtplib
import pytest

from services.notifier.returns import Returns
from tests.ports.notifier.test_deliveries import queue
from tests.ports.notifier.world import World
from tests.unit.notifier.test_reports import dsn, recipient

ADDRESS = "returns@unlock.example.org"
FAILED = dsn(recipient("failed", "5.1.1"))
DELIVERED = dsn(recipient("delivered", "2.0.0"))


@dataclass
class Returned:
    """A notifier that listens, with one mail that its mail service took."""

    world: World
    port: int

    async def address(self) -> str:
        (row,) = await self.world.rows()
        return f"returns+{row.return_token}@unlock.example.org"

    async def bring(self, report: bytes, to: str = "", sender: str = "") -> int:
        """Bring a report as a mail service does; return the reply's code."""
        try:
            async with aiosmtplib.SMTP(
                hostname="127.0.0.1", port=self.port, local_hostname="mail.example.org"
            ) as client:
                await client.mail(sender)
                await client.rcpt(to or await self.address())
                return (await client.data(report)).code
        except aiosmtplib.SMTPResponseException as error:
            return error.code


@pytest.fixture
async def returned(world: World) -> AsyncIterator[Returned]:
    listener = Returns(world.deliveries, ADDRESS, "127.0.0.1:0", None)
    await listener.start()
    await queue(world)
    yield Returned(world, listener.port)
    await listener.stop(0)


async def test_F13_a_bounce_is_told_with_its_reason(returned: Returned) -> None:
    await returned.world.send_due()

    assert await returned.bring(FAILED) == 250
    assert await returned.world.told() == [("SENT", ""), ("BOUNCED", "MAILBOX_UNKNOWN")]
    assert (await returned.world.rows())[0].state == "BOUNCED"


async def test_F13_a_delivery_is_told_once_however_often_it_is_reported(returned: Returned) -> None:
    await returned.world.send_due()
    replies = [await returned.bring(DELIVERED) for _ in range(3)]

    assert replies == [250] * 3
    assert await returned.world.told() == [("SENT", ""), ("DELIVERED", "")]


async def test_a_mail_given_back_later_is_not_delivered(returned: Returned) -> None:
    await returned.world.send_due()
    for report in (DELIVERED, FAILED, DELIVERED):
        await returned.bring(report)

    assert await returned.world.told() == [("SENT", ""), ("DELIVERED", ""), ("BOUNCED", "MAILBOX_UNKNOWN")]


async def test_a_report_that_overtakes_the_note_of_its_mail_is_asked_for_again(returned: Returned) -> None:
    assert await returned.bring(FAILED) == 451
    await returned.world.send_due()
    assert await returned.bring(FAILED) == 250

    assert await returned.world.told() == [("SENT", ""), ("BOUNCED", "MAILBOX_UNKNOWN")]


async def test_the_return_address_is_made_for_the_mail_alone(returned: Returned) -> None:
    await queue(returned.world, 1)
    await returned.world.send_due()
    tokens = {row.return_token for row in await returned.world.rows()}

    assert len(tokens) == 2
    assert {letter.return_token for letter in returned.world.mail.sent} == tokens


@pytest.mark.parametrize(
    ("to", "sender", "code"),
    [
        ("returns@unlock.example.org", "", 550),
        ("returns+short@unlock.example.org", "", 550),
        (f"returns+{'a' * 24}@elsewhere.example.org", "", 550),
        (f"returns+{'a' * 24}@unlock.example.org", "", 550),
        ("", "somebody@example.org", 550),
    ],
)
async def test_S55_nobody_else_is_taken_in(returned: Returned, to: str, sender: str, code: int) -> None:
    await returned.world.send_due()

    assert await returned.bring(FAILED, to, sender) == code
    assert await returned.world.told() == [("SENT", "")]


@pytest.mark.parametrize("other", [b"Subject: I am on holiday\r\n\r\nback on Monday\r\n", b"\x00\xff" * 100])
async def test_what_is_no_report_is_taken_and_dropped(returned: Returned, other: bytes) -> None:
    await returned.world.send_due()

    assert await returned.bring(other) == 250
    assert await returned.world.told() == [("SENT", "")]


async def test_S42_a_report_has_a_largest_size(returned: Returned) -> None:
    await returned.world.send_due()

    assert await returned.bring(FAILED + b"x" * 70 + (b"\r\n" + b"x" * 70) * 4_000) == 552
