"""GOV.UK Notify as a mail service, by real HTTP to a server that speaks its API; failover from SMTP."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.local.child import free_port
from deploy.local.mailbox import DROP, Mailbox
from services.notifier.mail import SmtpMail, SmtpService
from services.notifier.notify import ApiKey, BadApiKey, NotifyMail
from services.notifier.ports import Letter, Mail, MaybeTaken, Refused, Unreachable
from services.runtime.clock import SystemClock
from services.runtime.database import Database
from tests.fakes.clock import FakeClock
from tests.ports.notifier import notify_server as fake
from tests.ports.notifier.notify_server import Notify, notify_server
from tests.ports.notifier.test_deliveries import queue
from tests.ports.notifier.test_smtp_faults import LATE, REFUSED, SENT, Told, told
from tests.ports.notifier.world import DIGITS, World

__all__ = ["told"]

LETTER = Letter(
    "id-1",
    datetime(2026, 11, 21, tzinfo=UTC),
    "test-holder-0001@example.org",
    "S",
    "a\n\n    b\n",
    "<p>b</p>",
)
WITHIN = timedelta(seconds=30)
IMPATIENT = timedelta(seconds=2)
"""For a service that does not answer: by then it has the request on a busy machine, too."""
KEY = ApiKey(fake.SERVICE, fake.SECRET)


@pytest.fixture
def notify() -> Iterator[Notify]:
    with notify_server() as server:
        yield server


@pytest.fixture
async def mail(notify: Notify) -> AsyncIterator[NotifyMail]:
    mail = NotifyMail(notify.url, KEY, fake.TEMPLATE, SystemClock())
    yield mail
    await mail.close()


def test_a_key_is_read_as_notify_shows_it(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{fake.KEY}\n")

    assert ApiKey.from_file(tmp_path / "key") == KEY
    assert fake.SECRET not in repr(KEY)


@pytest.mark.parametrize("text", ["", fake.SECRET, f"{fake.SERVICE}-{fake.SECRET}", f"{fake.KEY}x"])
def test_anything_else_is_no_key_and_is_not_shown(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)

    with pytest.raises(BadApiKey) as refused:
        ApiKey.from_file(tmp_path / "key")
    assert fake.SECRET not in str(refused.value)


async def test_a_letter_is_sent_with_its_own_words_and_reference(notify: Notify, mail: NotifyMail) -> None:
    await mail.send(LETTER, WITHIN)

    (sent,) = notify.sent
    assert (sent["email_address"], sent["reference"]) == (LETTER.recipient, "id-1")
    assert sent["personalisation"] == {"subject": "S", "body": "a\n\nb"}


@pytest.mark.parametrize(
    ("plan", "error"),
    [
        (fake.ADDRESS_WRONG, Refused),
        (fake.TEMPLATE_WRONG, Unreachable),
        (fake.TOO_MANY, Unreachable),
        (fake.BROKEN, MaybeTaken),
        (fake.CUT_AFTER_TAKING, MaybeTaken),
        (fake.STALL, MaybeTaken),
    ],
)
async def test_F13_each_failure_is_what_it_is(
    notify: Notify, mail: NotifyMail, plan: fake.Plan, error: type[Exception]
) -> None:
    notify.plans.append(plan)

    with pytest.raises(Exception) as failed:
        await mail.send(LETTER, IMPATIENT if plan == fake.STALL else WITHIN)
    assert failed.type is error


async def test_F13_where_nothing_listens_nothing_was_taken() -> None:
    mail = NotifyMail(f"http://127.0.0.1:{free_port()}", KEY, fake.TEMPLATE, SystemClock())

    with pytest.raises(Unreachable) as failed:
        await mail.send(LETTER, WITHIN)
    assert failed.type is Unreachable
    await mail.close()


@pytest.mark.parametrize("wrong", ["secret", "clock"])
async def test_a_request_that_is_not_accepted_is_no_fault_of_the_letter(notify: Notify, wrong: str) -> None:
    key = replace(KEY, secret=fake.SERVICE) if wrong == "secret" else KEY
    clock = FakeClock(datetime(2020, 1, 1, tzinfo=UTC)) if wrong == "clock" else SystemClock()
    mail = NotifyMail(notify.url, key, fake.TEMPLATE, clock)

    with pytest.raises(Unreachable) as failed:
        await mail.send(LETTER, WITHIN)
    assert (failed.type, notify.sent) == (Unreachable, [])
    await mail.close()


async def test_I11_a_repeat_of_what_was_taken_is_no_second_mail(notify: Notify, mail: NotifyMail) -> None:
    notify.plans.append(fake.CUT_AFTER_TAKING)
    with pytest.raises(MaybeTaken):
        await mail.send(LETTER, WITHIN)
    await mail.send(LETTER, WITHIN, again=True)

    assert len(notify.sent) == 1


async def test_a_repeat_of_what_was_not_taken_is_sent(notify: Notify, mail: NotifyMail) -> None:
    notify.plans.append(fake.BROKEN)
    with pytest.raises(MaybeTaken):
        await mail.send(LETTER, WITHIN)
    await mail.send(LETTER, WITHIN, again=True)

    assert len(notify.sent) == 1


class Both:
    """A notifier with both mail services, Notify second."""

    def __init__(self, database: Database, smtp: str, notify: NotifyMail) -> None:
        by_smtp = SmtpMail(SmtpService(smtp), "no-reply@example.org")
        self.services: dict[str, Mail] = {"smtp": by_smtp, "notify": notify}
        self.world = World(database, transports=self.services)

    async def tries(self, count: int) -> list[tuple[str, str]]:
        await queue(self.world)
        for _ in range(count):
            await self.world.send_due()
            self.world.clock.advance(seconds=30)
        await self.services["smtp"].close()
        return await self.world.told()


async def test_F13_failover_to_notify_is_one_mail_and_no_delay(
    told: Told, notify: Notify, mail: NotifyMail
) -> None:
    both = Both(told.database, f"smtp://127.0.0.1:{free_port()}", mail)

    assert await both.tries(3) == [SENT]
    (sent,) = notify.sent
    assert DIGITS in sent["personalisation"]["body"]


@pytest.mark.parametrize("reply", ["451 4.7.1 later", "421 4.3.2 going down", DROP])
async def test_F13_what_smtp_surely_did_not_take_goes_to_notify(
    told: Told, notify: Notify, mail: NotifyMail, mailbox: Mailbox, reply: str
) -> None:
    mailbox.answer_next("RCPT", reply)

    assert await Both(told.database, mailbox.smtp_url, mail).tries(3) == [SENT]
    assert (len(mailbox.messages()), len(notify.sent)) == (0, 1)


async def test_F13_I11_what_smtp_may_have_taken_never_goes_to_notify(
    told: Told, notify: Notify, mail: NotifyMail, mailbox: Mailbox
) -> None:
    mailbox.answer_next("AFTER_DATA", DROP, DROP)

    assert await Both(told.database, mailbox.smtp_url, mail).tries(4) == [LATE, SENT]
    assert notify.sent == []
    assert len({mailed.message["Message-ID"] for mailed in mailbox.messages()}) == 1


async def test_F13_what_smtp_refuses_is_refused(
    told: Told, notify: Notify, mail: NotifyMail, mailbox: Mailbox
) -> None:
    mailbox.answer_next("RCPT", "550 5.1.1 nobody here")

    assert await Both(told.database, mailbox.smtp_url, mail).tries(2) == [REFUSED]
    assert notify.sent == []


@pytest.mark.parametrize(
    ("status", "page"),
    [
        ("sending", []),
        ("delivered", [("DELIVERED", "")]),
        ("permanent-failure", [("BOUNCED", "MAILBOX_UNKNOWN")]),
        ("temporary-failure", [("BOUNCED", "MAIL_RETURNED")]),
        ("technical-failure", [("BOUNCED", "MAIL_RETURNED")]),
    ],
)
async def test_F13_what_became_of_a_mail_is_asked_and_told_once(
    world: World, notify: Notify, mail: NotifyMail, status: str, page: list[tuple[str, str]]
) -> None:
    by_notify = World(world.database, transports={"notify": mail})
    await queue(by_notify)
    await by_notify.send_due()
    notify.status = dict.fromkeys(notify.status, status)

    known = [await by_notify.deliveries.follow("notify", mail) for _ in range(2)]

    assert known == [len(page), 0]
    assert await by_notify.told() == [SENT, *page]


async def test_nobody_is_asked_about_mails_of_another_service_or_of_long_ago(
    world: World, notify: Notify, mail: NotifyMail
) -> None:
    await queue(world)
    await world.send_due()
    by_notify = World(world.database, world.key, "another", {"notify": mail})
    await queue(by_notify, 1)
    await by_notify.send_due()
    notify.status = dict.fromkeys(notify.status, "delivered")
    by_notify.clock.advance(minutes=61)

    assert await by_notify.deliveries.follow("notify", mail) == 0
