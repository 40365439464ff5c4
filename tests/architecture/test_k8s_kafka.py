"""The rights of deploy/k8s on a real Kafka with mTLS: each principal does what the table says, no more."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from services.audit import app as audit
from services.audit.consumer import GROUP, TOPICS
from services.audit.domain.record import Message
from services.runtime.brokers import Brokers, client_options
from tests.architecture.cluster_kafka import ROLES, ClusterKafka
from tests.architecture.manifests import topics
from tests.architecture.roles import Role

pytestmark = pytest.mark.xdist_group("cluster")


async def writable(brokers: Brokers, names: Sequence[str]) -> set[str]:
    """The topics that take a message of an idempotent producer, such as the outbox's."""
    producer = AIOKafkaProducer(**client_options(brokers), enable_idempotence=True, acks="all")
    taken = set()
    try:
        await producer.start()
        for name in names:
            with suppress(TopicAuthorizationFailedError):
                await producer.send_and_wait(name, b"value", key=b"key")
                taken.add(name)
    except ClusterAuthorizationFailedError:  # who may write no topic at all gets no producer id
        return set()
    finally:
        await producer.stop()
    return taken


def may_write(role: Role) -> set[str]:
    """What the table says it tells, and the dead letters of what it consumes."""
    dead = {f"{topic}.dlq" for topic in role.consumes - role.tells if role.tells}
    return set(role.tells) | (dead & set(topics()))


@pytest.mark.parametrize("role", ROLES.values(), ids=list(ROLES))
async def test_S39_a_process_tells_what_the_table_says_and_nothing_else(
    cluster_kafka: ClusterKafka, role: Role
) -> None:
    assert await writable(cluster_kafka.brokers(role.name), sorted(topics())) == may_write(role)


async def readable(brokers: Brokers, group: str | None, names: Sequence[str]) -> set[str]:
    """The topics whose messages a member of the group, or of none, is given."""
    given = set()
    for name in names:
        consumer = AIOKafkaConsumer(
            name, **client_options(brokers), group_id=group, auto_offset_reset="earliest"
        )
        try:
            await consumer.start()
            await asyncio.wait_for(consumer.getone(), 30)
            given.add(name)
        except (GroupAuthorizationFailedError, TopicAuthorizationFailedError):
            continue
        finally:
            await consumer.stop()
    return given


@pytest.fixture(scope="module")
def filled(cluster_kafka: ClusterKafka) -> ClusterKafka:
    """Every topic has a message."""
    told = [(role, sorted(may_write(role))) for role in ROLES.values()]
    for role, names in told:
        if names:
            asyncio.run(writable(cluster_kafka.brokers(role.name), names))
    return cluster_kafka


@pytest.mark.parametrize(
    ("process", "group"), [("otp", "otp"), ("notifier", "notifier-codes"), ("audit_store", None)]
)
async def test_S39_a_process_hears_what_the_table_says_and_nothing_else(
    filled: ClusterKafka, process: str, group: str | None
) -> None:
    role = ROLES[process]

    its_dead_letters = {name for name in may_write(role) if name.endswith(".dlq")}
    heard = await readable(filled.brokers(role.name), group, sorted(topics()))
    assert heard == role.consumes | its_dead_letters


async def test_S39_no_process_joins_the_group_of_another(filled: ClusterKafka) -> None:
    assert await readable(filled.brokers("otp"), "notifier-codes", ["notifier.events.v1"]) == set()


async def test_S39_audit_stores_through_its_own_certificate(filled: ClusterKafka) -> None:
    kept: set[str] = set()
    all_kept = asyncio.Event()

    async def keep(messages: Sequence[Message]) -> None:
        kept.update(message.origin.topic for message in messages)
        if kept == ROLES["audit_store"].consumes:
            all_kept.set()

    async def calm() -> None:
        return None

    stream = asyncio.create_task(audit.run_stream(filled.brokers("audit-store"), TOPICS, GROUP, keep, calm))
    try:
        await asyncio.wait_for(all_kept.wait(), 60)
    finally:
        stream.cancel()
        await asyncio.gather(stream, return_exceptions=True)


@pytest.fixture
async def nobody(cluster_kafka: ClusterKafka) -> AsyncIterator[AIOKafkaProducer]:
    """A client without a certificate that trusts our authority."""
    options = client_options(cluster_kafka.brokers("otp"))
    options["ssl_context"] = ssl.create_default_context(cafile=cluster_kafka.folder / "ca.pem")
    producer = AIOKafkaProducer(**options, request_timeout_ms=3000)
    yield producer
    await producer.stop()


async def test_S28_a_client_without_a_certificate_is_not_let_in(nobody: AIOKafkaProducer) -> None:
    with pytest.raises(KafkaError):
        await nobody.start()


async def test_S28_a_broker_of_another_name_is_not_trusted(cluster_kafka: ClusterKafka) -> None:
    right = cluster_kafka.brokers("otp")
    other = Brokers(right.bootstrap_servers.replace("localhost", "127.0.0.1"), right.tls)
    producer = AIOKafkaProducer(**client_options(other), request_timeout_ms=3000)
    try:
        with pytest.raises(KafkaError):
            await producer.start()
    finally:
        await producer.stop()
