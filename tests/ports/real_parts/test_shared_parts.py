"""The real parts that other tests stand on."""

import smtplib
from email.message import EmailMessage

import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.local.kafka import Kafka
from deploy.local.mailbox import DROP, Mailbox
from deploy.local.postgres import Postgres
from deploy.topics import create, declared


@pytest.mark.kafka
@pytest.mark.parametrize("word", ["one", "two"])
async def test_the_shared_broker_carries_a_record(kafka: str, word: str) -> None:
    topic = f"shared-parts-{word}"
    async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
        await producer.send_and_wait(topic, word.encode())
    async with AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest") as consumer:
        record = await consumer.getone()

    assert record.value == word.encode()


@pytest.mark.kafka
async def test_declared_topics_exist_with_their_retention_and_creating_again_changes_nothing(
    own_kafka: Kafka,
) -> None:
    assert await create(own_kafka.bootstrap) == []

    admin = AIOKafkaAdminClient(bootstrap_servers=own_kafka.bootstrap)
    await admin.start()
    wanted = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in declared()]
    answers = await admin.describe_configs(wanted)
    partitions = {found["topic"]: len(found["partitions"]) for found in await admin.describe_topics()}
    await admin.close()
    kept = {
        name: {entry[0]: entry[1] for entry in entries}
        for answer in answers
        for _, _, _, name, entries in answer.resources
    }
    assert partitions == {topic.name: 12 for topic in declared()}
    assert kept["otp.code-issued.v1"]["retention.ms"] == "1200000"
    assert kept["otp.code-issued.v1"]["segment.ms"] == "600000"
    assert kept["identity.events.v1"]["retention.ms"] == str(30 * 24 * 3600 * 1000)


@pytest.mark.kafka
async def test_a_killed_broker_comes_back_on_its_port_with_its_records(own_kafka: Kafka) -> None:
    async with AIOKafkaProducer(bootstrap_servers=own_kafka.bootstrap, acks="all") as producer:
        sent = await producer.send_and_wait("otp.events.v1", b"kept", partition=0)
    own_kafka.kill()
    own_kafka.start()

    async with AIOKafkaConsumer(
        "otp.events.v1", bootstrap_servers=own_kafka.bootstrap, auto_offset_reset="earliest"
    ) as consumer:
        record = await consumer.getone()
    assert (record.offset, record.value) == (sent.offset, b"kept")


@pytest.mark.postgres
@pytest.mark.parametrize("word", ["one", "two"])
def test_every_test_gets_a_database_of_its_own(postgres: Postgres, postgres_url: str, word: str) -> None:
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE only_here (word text)")
        connection.execute("INSERT INTO only_here VALUES (%s)", [word])

    copy = postgres.create_database(template=postgres_url.rpartition("/")[2])
    with psycopg.connect(copy.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT word FROM only_here").fetchall() == [(word,)]


def test_the_mailbox_keeps_what_it_took_and_answers_as_planned(mailbox: Mailbox) -> None:
    mailbox.answer_next("RCPT", "451 4.7.1 later")
    mailbox.answer_next("AFTER_DATA", DROP)
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        _send(mailbox)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        _send(mailbox)
    _send(mailbox)

    first, second = mailbox.wait_for(2)
    assert (first.subject, first.text.strip()) == (second.subject, second.text.strip()) == ("Grüße", "hello")
    assert second.recipients == ("test-holder-0001@example.org",)


def _send(mailbox: Mailbox) -> None:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "Grüße", "a@example.org", "test-holder-0001@example.org"
    mail.set_content("hello")
    host, _, port = mailbox.smtp_url.removeprefix("smtp://").partition(":")
    with smtplib.SMTP(host, int(port), timeout=30) as client:
        client.send_message(mail)
