"""`replay` of the real commands: dead letters on a real broker are taken once, and the rest is counted."""

import asyncio
import sqlite3
import sys
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from google.protobuf.message import Message
from smartcard_unlock.common.v1 import common_pb2
from smartcard_unlock.notifier.v1 import notifier_events_pb2

from deploy.local.child import Child
from deploy.local.kafka import Kafka
from deploy.local.keys import Keys
from services.runtime.cloud_events import headers_of
from tests.fakes.clock import NOON

pytestmark = pytest.mark.kafka

SENT = notifier_events_pb2.DeliveryChanged(
    message_id="code-1", template="code", delivery=notifier_events_pb2.DELIVERY_SENT
)
UNLOCKED = common_pb2.SessionOutcome(
    session_id="session-1",
    kind=common_pb2.OUTCOME_KIND_SUCCESS,
    reason=common_pb2.REASON_LOCKED,
    holder_ref="a1" * 16,
    card_ref="c1" * 16,
    address_version=1,
)
UNLOCKED.occurred_at.FromDatetime(NOON)


class Commands:
    """The commands of one process, on a database of its own."""

    def __init__(self, folder: Path, keys: Keys, kafka: Kafka, process: str) -> None:
        self._folder, self._process = folder, process
        self._environment = {
            **keys.tls(process),
            f"{process.upper()}_DATABASE_URL": f"sqlite+aiosqlite:///{folder}/{process}.db",
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
            "LISTEN_ADDRESS": "127.0.0.1:1",
            "GRANT_VERIFY_KEYS_DIR": str(keys.verify_dir),
            "OTP_CODE_KEY_FILE": str(keys.otp_code),
            "NOTIFIER_PUBLIC_KEY_FILE": str(keys.notifier_public),
            "NOTIFIER_PRIVATE_KEY_FILE": str(keys.notifier_private),
            "IDENTITY_ADDRESS": "127.0.0.1:1",
            "SMTP_URL": "smtp://127.0.0.1:1",
            "WEB_ORIGIN": "https://unlock.example.org",
        }
        if process == "otp":
            self._environment["GRANT_SIGNING_KEY_FILE"] = str(keys.signing(process))
        assert self.run("migrate")[0] == 0

    def run(self, word: str) -> tuple[int | None, str]:
        """Exit code and what it wrote."""
        child = Child(
            self._process,
            [sys.executable, "-m", f"services.{self._process}", word],
            self._folder / f"{self._process}-{word}.log",
            self._environment,
        )
        child.launch()
        return child.wait(60), child.written()

    def count(self, table: str) -> int:
        """Rows of a table."""
        with sqlite3.connect(self._folder / f"{self._process}.db") as connection:
            return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


async def put(kafka: Kafka, topic: str, source: str, *messages: Message | bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await producer.start()
    for number, message in enumerate(messages, start=1):
        value = message if isinstance(message, bytes) else message.SerializeToString()
        kind = UNLOCKED if isinstance(message, bytes) else message
        row = {"ce_id": f"id-{number}", "ce_type": kind.DESCRIPTOR.full_name, "source": source}
        headers = headers_of(row | {"key": "session-1", "time": NOON, "relayseq": number, "traceparent": ""})
        await producer.send_and_wait(f"{topic}.dlq", value, key=b"session-1", headers=headers)
    await producer.stop()


def test_F25_otp_takes_the_dead_letters_of_its_topic_once(
    own_kafka: Kafka, keys: Keys, tmp_path: Path
) -> None:
    otp = Commands(tmp_path, keys, own_kafka, "otp")
    asyncio.run(put(own_kafka, "notifier.events.v1", "notifier", SENT))

    for _ in range(2):
        ended, written = otp.run("replay")
        assert (ended, otp.count("inbox")) == (0, 1)
        assert "notifier.events.v1: 1 dead letters were read, 0 still cannot be" in written


def test_F25_notifier_takes_what_it_can_read_and_ends_with_1_for_the_rest(
    own_kafka: Kafka, keys: Keys, tmp_path: Path
) -> None:
    notifier = Commands(tmp_path, keys, own_kafka, "notifier")
    asyncio.run(put(own_kafka, "card_gateway.events.v1", "card_gateway", UNLOCKED, b"\xff\xff\xff"))

    for _ in range(2):
        ended, written = notifier.run("replay")
        assert (ended, notifier.count("deliveries"), notifier.count("inbox")) == (1, 1, 1)
        assert "card_gateway.events.v1: 1 dead letters were read, 1 still cannot be" in written
        assert "identity.events.v1: 0 dead letters were read, 0 still cannot be" in written
