"""F13: each way in which SMTP goes wrong, from the queued code to what the page is told: real SMTP and SQL.

Whatever happens, no second code is mailed, and a repeat is the same mail.
"""

import re
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from deploy.local.child import free_port
from deploy.local.keys import Keys
from deploy.local.mailbox import DROP, Mailbox
from services.notifier.mail import SmtpMail, SmtpService
from services.runtime.database import Database
from tests.ports.notifier import mail_services as services
from tests.ports.notifier.test_deliveries import queue
from tests.ports.notifier.world import DIGITS, World

QUICK = timedelta(seconds=0.5)
"""Instead of 20 s for one conversation, where nobody answers; elsewhere a busy machine has all of them."""


class Told:
    """A notifier with one queued code; `tries` says what the page was told after so many tries."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def tries(self, service: SmtpService, count: int = 3) -> list[tuple[str, str]]:
        mail = SmtpMail(service, "no-reply@example.org")
        world = World(self.database, transports={"smtp": mail})
        await queue(world)
        for _ in range(count):
            await world.send_due()
            world.clock.advance(seconds=30)
        await mail.close()
        return await world.told()


@pytest.fixture
async def told(tmp_path: Path, migrated_notifier: Path) -> AsyncIterator[Told]:
    shutil.copy(migrated_notifier, tmp_path / "notifier.db")
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'notifier.db'}")
    yield Told(database)
    await database.close()


LATE = ("DELAYED", "MAIL_UNREACHABLE")
SENT = ("SENT", "")
REFUSED = ("NOT_SENT", "MAIL_REFUSED")


@pytest.mark.parametrize(
    ("stage", "replies", "page"),
    [
        ("RCPT", ["451 4.7.1 greylisted, come back later"], [LATE, SENT]),
        ("RCPT", ["450 4.2.1 busy", "452 4.2.2 mailbox full"], [LATE, SENT]),
        ("RCPT", ["421 4.3.2 going down"], [LATE, SENT]),
        ("DATA", ["451 4.3.0 disk is full"], [LATE, SENT]),
        ("RCPT", ["550 5.1.1 nobody here"], [REFUSED]),
        ("RCPT", ["530 5.7.0 must issue a STARTTLS command first"], [LATE, SENT]),
        ("DATA", ["554 5.7.1 looks like spam"], [REFUSED]),
        ("RCPT", [DROP], [LATE, SENT]),
        ("AFTER_DATA", [DROP], [LATE, SENT]),
        ("AFTER_DATA", ["451 4.3.0 after all not"], [LATE, SENT]),
    ],
)
async def test_F13_I11_a_reply_is_told_as_it_was_and_no_second_code_is_mailed(
    told: Told, mailbox: Mailbox, stage: str, replies: list[str], page: list[tuple[str, str]]
) -> None:
    mailbox.answer_next(stage, *replies)

    assert await told.tries(SmtpService(mailbox.smtp_url)) == page
    mails = mailbox.messages()
    assert len(mails) == (SENT in page) + (stage == "AFTER_DATA")
    assert len({mail.message["Message-ID"] for mail in mails}) <= 1
    assert {code for mail in mails for code in re.findall(r"\b\d{8}\b", mail.text)} <= {DIGITS}


async def test_F13_no_connection_is_a_delay(told: Told) -> None:
    assert await told.tries(SmtpService(f"smtp://127.0.0.1:{free_port()}")) == [LATE]


@pytest.mark.parametrize(
    "conversation",
    [
        services.says_nothing,
        services.one_byte_a_second,
        *map(services.stalls_after, ("EHLO", "DATA")),
    ],
)
async def test_F13_a_service_that_stalls_is_a_delay(
    told: Told, conversation: services.Conversation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifier.use_cases.LONGEST_TRY", QUICK)
    async with services.talker(conversation) as url:
        assert await told.tries(SmtpService(url), count=1) == [LATE]


async def test_S28_starttls_is_taken_and_the_name_is_checked(told: Told, keys: Keys, tmp_path: Path) -> None:
    kept = services.Kept()
    with services.smtp_server(kept, services.certificate(keys, tmp_path / "tls", "localhost")) as url:
        assert await told.tries(SmtpService(url, tls_required=True, ca_file=keys.ca)) == [SENT]

    assert kept.over_tls == [True]


async def test_S28_tls_from_the_start(told: Told, keys: Keys, tmp_path: Path) -> None:
    kept = services.Kept()
    context = services.certificate(keys, tmp_path / "tls", "localhost")
    with services.smtp_server(kept, context, from_the_start=True) as url:
        assert await told.tries(SmtpService(url, ca_file=keys.ca)) == [SENT]

    assert len(kept.mails) == 1


@pytest.mark.parametrize("from_the_start", [False, True])
@pytest.mark.parametrize("wrong", ["name", "authority"])
async def test_F13_S28_a_wrong_certificate_gets_no_mail(
    told: Told, keys: Keys, tmp_path: Path, wrong: str, from_the_start: bool
) -> None:
    kept = services.Kept()
    name = "elsewhere.example.org" if wrong == "name" else "localhost"
    context = services.certificate(keys, tmp_path / "tls", name)
    with services.smtp_server(kept, context, from_the_start=from_the_start) as url:
        service = SmtpService(url, tls_required=True, ca_file=keys.ca if wrong == "name" else None)
        assert await told.tries(service) == [LATE]

    assert kept.mails == []


async def test_F13_S28_where_tls_is_gone_nothing_goes_in_clear(told: Told) -> None:
    kept = services.Kept()
    with services.smtp_server(kept) as url:
        assert await told.tries(SmtpService(url, tls_required=True)) == [LATE]

    assert kept.mails == []


async def test_reports_are_asked_for_where_the_service_can_report(told: Told) -> None:
    able = services.Kept("DSN")
    with services.smtp_server(able) as url:
        await told.tries(SmtpService(url))

    assert able.options == [(["RET=HDRS"], ["NOTIFY=SUCCESS,FAILURE"])]


async def test_no_report_is_asked_for_where_that_would_be_an_error(told: Told) -> None:
    unable = services.Kept()
    with services.smtp_server(unable) as url:
        assert await told.tries(SmtpService(url)) == [SENT]

    assert unable.options == [([], [])]
