"""Mails a second beside bare aiosmtplib on kept connections, in the same run.

`python -m bench.mails [MAILS]`: blocks A C B D D B C A, eight at once, to a small SMTP server in a process of
its own. A = a delivery of notifier from its claim to its news: code opened, letter written, handed over,
stored with its event (PostgreSQL with fsync). C = SmtpMail alone: a letter made a mail and handed over.
B = `sendmail` of aiosmtplib with a mail that is ready, on connections that are kept. D = B between the
statements and the commits of A on bare psycopg: A's own floor, since a mail must not be forgotten.
"""

import asyncio
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import aiosmtplib
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from bench.blocks import interleaved, print_table
from bench.server import Connections, durable_postgres
from deploy.local.child import free_port, wait_until
from services.notifier.__main__ import MIGRATIONS
from services.notifier.domain.delivery import Change, Contents, Delivery, News
from services.notifier.events import event_of
from services.notifier.letters import TemplateLetters
from services.notifier.mail import SmtpMail, SmtpService
from services.notifier.mime import mail_of
from services.notifier.opener import HpkeOpener
from services.notifier.storage import SqlStore
from services.notifier.transports import Transports
from services.notifier.use_cases import CLAIMED, Deliveries, Parts
from services.runtime import logs
from services.runtime.clock import SystemClock
from services.runtime.database import Database, migrate
from services.runtime.hpke import code_info, seal
from services.runtime.randomness import SystemRandomness
from tests.unit.notifier.deliveries import CODE

MAILS = 800
ORDER = "ACBDDBCAACBDDBCAACBDDBCAACBD"
AT_ONCE = 8
SENDER, RECIPIENT, DIGITS = "no-reply@example.org", "test-holder-0001@example.org", "40718263"
WITHIN = timedelta(seconds=20)
IDS = SystemRandomness()

CLAIM = """UPDATE deliveries SET due_at = %(until)s, claimed_by = 'bench' WHERE message_id IN (
SELECT message_id FROM deliveries WHERE state = 'QUEUED' AND due_at <= %(now)s
ORDER BY due_at LIMIT %(most)s FOR UPDATE SKIP LOCKED) RETURNING message_id, session_id"""
SETTLE = """UPDATE deliveries SET state = 'SENT', tries = 1, ended_at = %s, sealed_code = NULL,
held_by = 'smtp', claimed_by = NULL WHERE message_id = %s AND state = 'QUEUED' RETURNING message_id"""
TELL = """INSERT INTO outbox (ce_id, ce_type, source, topic, key, value, time, traceparent)
VALUES (%s, 'smartcard_unlock.notifier.v1.DeliveryChanged',
'notifier', 'notifier.events.v1', %s, %s, %s, '')"""
LETTERS = TemplateLetters(ZoneInfo("Europe/London"))


class OneAddress:
    """identity, which always answers at once."""

    async def address_of(self, delivery: Delivery) -> tuple[str, str]:
        return RECIPIENT, ""


@dataclass
class Whole:
    """Deliveries from their claim to their news."""

    deliveries: Deliveries
    key: X25519PrivateKey

    async def queue(self, count: int) -> None:
        for _ in range(count):
            await self.deliveries.take_code(IDS.uuid7(), self._code())

    async def run(self, count: int) -> None:
        while count:
            claimed = await self.deliveries.claim(min(AT_ONCE, count))
            await asyncio.gather(*(self.deliveries.send(delivery) for delivery in claimed))
            count -= len(claimed)

    def _code(self) -> Delivery:
        now = datetime.now(UTC).replace(microsecond=0)
        code = replace(
            CODE, message_id=IDS.uuid7(), made_at=now, due_at=now, expires_at=now + timedelta(minutes=15)
        )
        info = code_info(code.message_id, code.session_id, code.expires_at, code.address_version)
        sealed = seal(self.key.public_key().public_bytes_raw(), DIGITS.encode(), info)
        return replace(code, sealed_code=sealed)


class Alone:
    """SmtpMail, with a letter that is written."""

    def __init__(self, mail: SmtpMail) -> None:
        self._mail = mail
        self._letter = LETTERS.write(CODE, RECIPIENT, Contents(DIGITS))

    async def run(self, count: int) -> None:
        for start in range(0, count, AT_ONCE):
            some = range(start, min(start + AT_ONCE, count))
            await asyncio.gather(*(self._mail.send(self._letter, WITHIN) for _ in some))


class Bare:
    """aiosmtplib, with a mail that is ready and connections that are open."""

    def __init__(self, port: int) -> None:
        self._mail = mail_of(LETTERS.write(CODE, RECIPIENT, Contents(DIGITS)), SENDER)
        self._clients = [
            aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, local_hostname="localhost")
            for _ in range(AT_ONCE)
        ]

    async def open(self) -> None:
        for client in self._clients:
            await client.connect()

    async def close(self) -> None:
        for client in self._clients:
            await client.quit()

    async def run(self, count: int) -> None:
        for start in range(0, count, AT_ONCE):
            await asyncio.gather(*(self.send(at) for at in range(min(AT_ONCE, count - start))))

    async def send(self, at: int) -> None:
        """Send the mail over that connection."""
        await self._clients[at].sendmail(SENDER, [RECIPIENT], self._mail)


class Rows(Connections):
    """B between what a delivery writes: eight are claimed, each is settled with its event in a commit."""

    def __init__(self, bare: Bare, url: str) -> None:
        super().__init__(url, AT_ONCE)
        self._bare = bare
        self._event = event_of(CODE, Change(News.SENT, "", CODE.made_at)).message.SerializeToString()

    async def run(self, count: int) -> None:
        for start in range(0, count, AT_ONCE):
            now, connection = datetime.now(UTC), self.idle[0]
            claimed = {"now": now, "until": now + CLAIMED, "most": min(AT_ONCE, count - start)}
            rows = await (await connection.execute(CLAIM, claimed)).fetchall()
            await connection.commit()
            await asyncio.gather(*(self._deliver(at, *row) for at, row in enumerate(rows)))

    async def _deliver(self, at: int, message_id: str, session_id: str) -> None:
        await self._bare.send(at)
        connection, now = self.idle[at], datetime.now(UTC)
        await (await connection.execute(SETTLE, (now, message_id))).fetchall()
        await connection.execute(TELL, (IDS.uuid7(), session_id, self._event, now))
        await connection.commit()


async def measure(url: str, port: int, mails: int) -> None:
    """Measure and print."""
    await migrate(url, MIGRATIONS)
    database, key = Database(url), X25519PrivateKey.generate()
    mail = SmtpMail(SmtpService(f"smtp://127.0.0.1:{port}"), SENDER)
    parts = Parts(
        store=SqlStore(database, event_of, IDS, "bench"),
        clock=SystemClock(),
        randomness=IDS,
        opener=HpkeOpener(key),
        addresses=OneAddress(),
        writer=LETTERS,
        post=Transports({"smtp": mail}),
    )
    whole, alone, bare = Whole(Deliveries(parts), key), Alone(mail), Bare(port)
    rows = Rows(bare, url)
    await bare.open()
    await rows.open()
    await whole.queue(2 * (mails // 4) + mails * (ORDER.count("A") + ORDER.count("D")))
    kinds = {"A": whole.run, "C": alone.run, "B": bare.run, "D": rows.run}
    found = await interleaved(kinds, ORDER, mails)
    await rows.close()
    await bare.close()
    await mail.close()
    await database.close()
    names = {
        "A": "A: a delivery, from claim to news",
        "C": "C: SmtpMail alone",
        "B": "B: bare aiosmtplib, kept connections",
        "D": "D: B between A's statements on psycopg",
    }
    print_table(found, names, [("C", "B"), ("A", "D"), ("A", "B")], f"mails a second, {mails} a block")


def main() -> None:
    """Start the servers, measure, print."""
    mails = int(sys.argv[1]) if len(sys.argv) > 1 else MAILS
    logs.configure("bench", "WARNING")
    port = free_port()
    sink = subprocess.Popen([sys.executable, "-m", "bench.smtp_sink", str(port)], stdout=subprocess.PIPE)
    try:
        wait_until("the SMTP server", lambda: bool(sink.stdout and sink.stdout.readline()), 20)
        with durable_postgres() as (_, postgres):
            asyncio.run(measure(postgres.create_database(), port, mails))
    finally:
        sink.terminate()
        sink.wait()


if __name__ == "__main__":
    main()
