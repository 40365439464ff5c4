"""Outbox → Kafka → notifier → SMTP, and the news back on Kafka; identity alone is not real."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from smartcard_unlock.common.v1 import common_pb2
from smartcard_unlock.notifier.v1 import notifier_events_pb2
from smartcard_unlock.otp.v1 import otp_events_pb2

from deploy.local.mailbox import Mailbox
from services.notifier import events
from services.notifier.__main__ import MIGRATIONS
from services.notifier.consumer import CodeConsumer, OutcomeConsumer
from services.notifier.mail import SmtpMail, SmtpService
from services.notifier.sender import Sender
from services.notifier.storage import PROCESS
from services.notifier.tables import OUTBOX, OUTBOX_POSITION
from services.notifier.transports import Transports
from services.notifier.use_cases import Deliveries
from services.runtime.broker import Consumer
from services.runtime.clock import SystemClock
from services.runtime.cloud_events import Received, headers_of
from services.runtime.database import Database, migrate
from services.runtime.outbox import OutboxRelay
from services.runtime.randomness import SystemRandomness
from tests.ports.notifier.world import ADDRESS, DIGITS, World
from tests.unit.notifier.deliveries import CODE

IDS = SystemRandomness()


def stamp(instant: datetime) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(instant)
    return found


async def produce(kafka: str, topic: str, message: Message, times: int = 1) -> None:
    """Put one event on Kafka, as often as said, as its service would."""
    row = {
        "ce_id": IDS.uuid7(),
        "ce_type": message.DESCRIPTOR.full_name,
        "source": "test",
        "key": CODE.session_id,
        "time": datetime.now(UTC),
        "relayseq": 1,
        "traceparent": "",
    }
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    for _ in range(times):
        await producer.send_and_wait(topic, message.SerializeToString(), headers=headers_of(row))
    await producer.stop()


@asynccontextmanager
async def notifier(folder: Path, kafka: str, mailbox: Mailbox, topic: str) -> AsyncIterator[World]:
    """All loops of the process, with the clock of the machine; it hears one topic."""
    url = f"sqlite+aiosqlite:///{folder / 'notifier.db'}"
    await migrate(url, MIGRATIONS)
    database = Database(url)
    world = World(database)
    mail = SmtpMail(SmtpService(mailbox.smtp_url), "no-reply@example.org")
    post = Transports({"smtp": mail})
    parts = replace(world.deliveries._parts, clock=SystemClock(), post=post, randomness=IDS)
    deliveries = Deliveries(parts)

    async def handle(event: Received) -> None:
        await CodeConsumer(deliveries).handle(event)
        await OutcomeConsumer(deliveries).handle(event)

    loops: list[Callable[[], Awaitable[None]]] = [
        Consumer(kafka, f"notifier-{topic}", [topic], handle).run,
        Sender(deliveries).run,
        OutboxRelay(database, OUTBOX, OUTBOX_POSITION, PROCESS, kafka).run,
    ]
    tasks = [asyncio.ensure_future(loop()) for loop in loops]
    try:
        yield world
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await mail.close()
        await database.close()


async def news(kafka: str, message_id: str) -> list[notifier_events_pb2.DeliveryChanged]:
    """All that was told of a message, once its end is told."""
    consumer = AIOKafkaConsumer(events.TOPIC, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    found: list[notifier_events_pb2.DeliveryChanged] = []
    try:
        async with asyncio.timeout(60):
            async for record in consumer:
                change = notifier_events_pb2.DeliveryChanged.FromString(record.value)
                if change.message_id == message_id:
                    found.append(change)
                    if change.delivery != notifier_events_pb2.DELIVERY_DELAYED:
                        return found
    finally:
        await consumer.stop()
    return found


def issued(world: World) -> otp_events_pb2.CodeIssued:
    """A code issued just now, sealed to this notifier."""
    now = datetime.now(UTC)
    code = replace(CODE, message_id=str(uuid4()), made_at=now, expires_at=now + timedelta(minutes=15))
    return otp_events_pb2.CodeIssued(
        code_id=code.message_id,
        session_id=code.session_id,
        holder_ref=code.holder_ref,
        address_version=code.address_version,
        issued_at=stamp(code.made_at),
        expires_at=stamp(code.expires_at),
        sealed_code=world.sealed(code),
        reason=common_pb2.REASON_LOCKED,
    )


async def test_R4_I6_F6_a_code_on_kafka_is_one_mail_however_often_it_is_delivered(
    kafka: str, mailbox: Mailbox, tmp_path: Path
) -> None:
    topic = f"codes-{uuid4()}"
    async with notifier(tmp_path, kafka, mailbox, topic) as world:
        code = issued(world)
        await produce(kafka, topic, code, times=5)
        told = await news(kafka, code.code_id)
        await produce(kafka, topic, code)

    (mail,) = mailbox.messages(to=ADDRESS)
    assert f"    {DIGITS}\n" in mail.text
    assert mail.message["Message-ID"] == f"<{code.code_id}@example.org>"
    assert [change.delivery for change in told] == [notifier_events_pb2.DELIVERY_SENT]


async def test_F13_the_page_is_told_of_a_delay_and_then_of_the_mail(
    kafka: str, mailbox: Mailbox, tmp_path: Path
) -> None:
    topic = f"codes-{uuid4()}"
    mailbox.answer_next("RCPT", "451 4.7.1 come back later", "451 4.7.1 come back later")
    async with notifier(tmp_path, kafka, mailbox, topic) as world:
        code = issued(world)
        await produce(kafka, topic, code)
        told = await news(kafka, code.code_id)

    assert len(mailbox.messages(to=ADDRESS)) == 1
    assert [change.delivery for change in told] == [
        notifier_events_pb2.DELIVERY_DELAYED,
        notifier_events_pb2.DELIVERY_SENT,
    ]


async def test_R64_an_unlock_on_kafka_is_told_to_its_holder(
    kafka: str, mailbox: Mailbox, tmp_path: Path
) -> None:
    topic = f"outcomes-{uuid4()}"
    outcome = common_pb2.SessionOutcome(
        session_id=CODE.session_id,
        kind=common_pb2.OUTCOME_KIND_SUCCESS,
        holder_ref=CODE.holder_ref,
        address_version=CODE.address_version,
        occurred_at=stamp(datetime.now(UTC)),
    )
    failed = common_pb2.SessionOutcome()
    failed.CopyFrom(outcome)
    failed.kind = common_pb2.OUTCOME_KIND_FAILED
    async with notifier(tmp_path, kafka, mailbox, topic):
        await produce(kafka, topic, failed)
        await produce(kafka, topic, outcome)
        mails = await asyncio.to_thread(mailbox.wait_for, 1, ADDRESS)

    assert [mail.subject for mail in mails] == ["Your smartcard was unlocked: was this you?"]
