"""The rights of deploy/k8s on a real Kafka with mTLS: each principal does what the role table says, no more.

Strimzi's part (turning a KafkaUser into rights) is played by a few lines here; the rights come from
the manifests, the connections from services.runtime.brokers.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
)
from aiokafka.protocol.admin import CreateAclsRequest

from deploy.local.child import free_port
from deploy.local.kafka import Kafka
from deploy.local.keys import Keys, issue
from deploy.topics import create_now
from services.audit import app as audit
from services.audit.domain.record import Message
from services.runtime.brokers import Brokers, client_options
from services.runtime.grpc_tls import TlsFiles
from tests.architecture.manifests import of_kind, topics
from tests.architecture.roles import Role, roles

ROLES = {process: role for process, role in roles().items() if role.uses_kafka}
KINDS = {"topic": 2, "group": 3}
OPERATIONS = {"Read": 3, "Write": 4, "Describe": 8}
LITERAL = ALLOW = 3
"""Kafka's own numbers (its protocol's ResourceType, AclOperation, PatternType, AclPermissionType)."""

MTLS = """
listeners=PLAINTEXT://127.0.0.1:{plain},SSL://127.0.0.1:{tls},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SSL://localhost:{tls}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SSL:SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location={folder}/server.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
ssl.principal.mapping.rules=RULE:^CN=([^,]+).*$/$1/
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""
"""The plain listener stands for the operators; every other client is who its certificate says."""


@dataclass(frozen=True)
class World:
    """A broker with the manifests' rights, and a certificate for each principal."""

    address: str
    folder: Path

    def brokers(self, name: str) -> Brokers:
        own = self.folder / name
        return Brokers(self.address, TlsFiles(self.folder / "ca.pem", own / "user.crt", own / "user.key"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("k8s-kafka")
    plain, tls, controller = free_port(), free_port(), free_port()
    broker = Kafka(folder / "broker", ports=(plain, controller))
    broker.prepare()
    certificate, key = issue(keys, "kafka", name="localhost")
    (folder / "server.pem").write_bytes(key + certificate)
    (folder / "ca.pem").write_bytes(keys.ca.read_bytes())
    with (folder / "broker" / "server.properties").open("a") as properties:
        properties.write(MTLS.format(plain=plain, tls=tls, controller=controller, folder=folder))
    for role in ROLES.values():
        certify(folder / role.name, role.name, keys)
    broker.start()
    try:
        create_now(broker.bootstrap)
        asyncio.run(grant(broker.bootstrap))
        yield World(f"localhost:{tls}", folder)
    finally:
        broker.kill()


def certify(folder: Path, name: str, keys: Keys) -> None:
    folder.mkdir()
    certificate, key = issue(keys, name)
    (folder / "user.crt").write_bytes(certificate)
    (folder / "user.key").write_bytes(key)


async def grant(bootstrap: str) -> None:
    """What the operator makes of each KafkaUser."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        for name, user in of_kind("production", "KafkaUser").items():
            for acl in user["spec"]["authorization"]["acls"]:
                kind, resource = KINDS[acl["resource"]["type"]], acl["resource"]["name"]
                for operation in acl["operations"]:
                    wanted = kind, resource, LITERAL, f"User:{name}", "*", OPERATIONS[operation], ALLOW
                    # aiokafka has the message and no method for it.
                    answer = await admin._send_request(CreateAclsRequest(*wanted))
                    assert [code for code, _ in answer.creation_responses] == [0]
    finally:
        await admin.close()


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
    dead = {f"{topic}.dlq" for topic in role.consumes if role.tells}
    return set(role.tells) | (dead & set(topics()))


@pytest.mark.parametrize("role", ROLES.values(), ids=list(ROLES))
async def test_S39_a_process_tells_what_the_table_says_and_nothing_else(world: World, role: Role) -> None:
    assert await writable(world.brokers(role.name), sorted(topics())) == may_write(role)


async def readable(brokers: Brokers, group: str, names: Sequence[str]) -> set[str]:
    """The topics whose messages a member of the group is given."""
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
def filled(world: World) -> World:
    """Every topic has a message."""
    told = [(role, sorted(may_write(role))) for role in ROLES.values()]
    for role, names in told:
        if names:
            asyncio.run(writable(world.brokers(role.name), names))
    return world


@pytest.mark.parametrize(
    ("process", "group"), [("otp", "otp"), ("notifier", "notifier-codes"), ("audit_store", "audit-store")]
)
async def test_S39_a_process_hears_what_the_table_says_and_nothing_else(
    filled: World, process: str, group: str
) -> None:
    role = ROLES[process]

    assert await readable(filled.brokers(role.name), group, sorted(topics())) == role.consumes


async def test_S39_no_process_joins_the_group_of_another(filled: World) -> None:
    assert await readable(filled.brokers("otp"), "notifier-codes", ["notifier.events.v1"]) == set()


async def test_S39_audit_stores_through_its_own_certificate(filled: World) -> None:
    kept: set[str] = set()
    all_kept = asyncio.Event()

    async def keep(messages: Sequence[Message]) -> None:
        kept.update(message.origin.topic for message in messages)
        if kept == ROLES["audit_store"].consumes:
            all_kept.set()

    async def calm() -> None:
        return None

    stream = asyncio.create_task(
        audit.run_stream(filled.brokers("audit-store"), audit.TOPICS, audit.GROUP, keep, calm)
    )
    try:
        await asyncio.wait_for(all_kept.wait(), 60)
    finally:
        stream.cancel()
        await asyncio.gather(stream, return_exceptions=True)


@pytest.fixture
async def nobody(world: World) -> AsyncIterator[AIOKafkaProducer]:
    """A client without a certificate that trusts our authority."""
    options = client_options(world.brokers("otp"))
    options["ssl_context"] = ssl.create_default_context(cafile=world.folder / "ca.pem")
    producer = AIOKafkaProducer(**options, request_timeout_ms=3000)
    yield producer
    await producer.stop()


async def test_S28_a_client_without_a_certificate_is_not_let_in(nobody: AIOKafkaProducer) -> None:
    with pytest.raises(KafkaError):
        await nobody.start()


async def test_S28_a_broker_of_another_name_is_not_trusted(world: World) -> None:
    right = world.brokers("otp")
    other = Brokers(right.bootstrap_servers.replace("localhost", "127.0.0.1"), right.tls)
    producer = AIOKafkaProducer(**client_options(other), request_timeout_ms=3000)
    try:
        with pytest.raises(KafkaError):
            await producer.start()
    finally:
        await producer.stop()
