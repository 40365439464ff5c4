"""Mails a second beside bare aiosmtplib on kept connections, in the same run.

`python -m bench.mails [MAILS]`: blocks A C B B C A …, eight at once, to a small SMTP server in a process of
its own. A = a delivery of notifier from its claim to its news: code opened, letter written, handed over,
stored with its event (PostgreSQL with fsync). C = SmtpMail alone: a letter made a mail and handed over.
B = `sendmail` of aiosmtplib with a mail that is ready, on connections that are kept.
"""

import asyncio
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import aiosmtplib
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from bench.blocks import interleaved, print_table
from deploy.local.child import free_port, wait_until
from deploy.local.postgres import Postgres
from services.notifier.__main__ import MIGRATIONS
from services.notifier.domain.delivery import Contents, Delivery
from services.notifier.events import event_of
from services.notifier.letters import TemplateLetters
from services.notifier.mail import SmtpMail, SmtpService, mail_of
from services.notifier.opener import HpkeOpener
from services.notifier.storage import SqlStore
from services.notifier.transports import Transports
from services.notifier.use_cases import Deliveries, Parts
from services.runtime import logs
from services.runtime.clock import SystemClock
from services.runtime.database import Database, migrate
from services.runtime.hpke import code_info, seal
from services.runtime.randomness import SystemRandomness
from tests.unit.notifier.deliveries import CODE

MAILS = 800
ORDER = "ACBBCAACBBCAACBBCAACB"
AT_ONCE = 8
SENDER, RECIPIENT, DIGITS = "no-reply@example.org", "test-holder-0001@example.org", "40718263"
WITHIN = timedelta(seconds=20)
IDS = SystemRandomness()
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
        self._mail = mail_of(LETTERS.write(CODE, RECIPIENT, Contents(DIGITS)), SENDER).as_bytes()
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
            some = self._clients[: min(AT_ONCE, count - start)]
            await asyncio.gather(*(client.sendmail(SENDER, [RECIPIENT], self._mail) for client in some))


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
    await bare.open()
    await whole.queue(mails // 4 + mails * ORDER.count("A"))
    found = await interleaved({"A": whole.run, "C": alone.run, "B": bare.run}, ORDER, mails)
    await bare.close()
    await mail.close()
    await database.close()
    names = {
        "A": "A: a delivery, from claim to news",
        "C": "C: SmtpMail alone",
        "B": "B: bare aiosmtplib, kept connections",
    }
    print_table(found, names, "B", f"mails a second, {mails} a block")


def main() -> None:
    """Start the servers, measure, print."""
    mails = int(sys.argv[1]) if len(sys.argv) > 1 else MAILS
    logs.configure("bench", "WARNING")
    port = free_port()
    sink = subprocess.Popen([sys.executable, "-m", "bench.smtp_sink", str(port)], stdout=subprocess.PIPE)
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        postgres = Postgres(folder / "postgres", durable=True)
        try:
            postgres.start()
            wait_until("the SMTP server", lambda: bool(sink.stdout and sink.stdout.readline()), 20)
            asyncio.run(measure(postgres.create_database(), port, mails))
        finally:
            postgres.stop()
            sink.terminate()
            sink.wait()


if __name__ == "__main__":
    main()
