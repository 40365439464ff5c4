"""A real Kafka with mTLS and the rights that the manifests give each principal.

Strimzi's part (turning a KafkaUser into rights) is played by a few lines here.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest, DescribeAclsRequest

from deploy.local.child import free_port
from deploy.local.kafka import Kafka
from deploy.local.keys import Keys, issue
from deploy.topics import create_now
from services.runtime.brokers import Brokers
from services.runtime.grpc_tls import TlsFiles
from tests.architecture.manifests import of_kind
from tests.architecture.roles import roles

ROLES = {process: role for process, role in roles().items() if role.uses_kafka}
KINDS = {"topic": 2, "group": 3}
OPERATIONS = {"Read": 3, "Write": 4, "Describe": 8}
LITERAL = ALLOW = 3
ANY = 1
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
class ClusterKafka:
    """A broker with the manifests' rights, and a certificate for each principal."""

    address: str
    folder: Path

    def brokers(self, name: str) -> Brokers:
        own = self.folder / name
        return Brokers(self.address, TlsFiles(self.folder / "ca.pem", own / "user.crt", own / "user.key"))


@contextmanager
def cluster_kafka(folder: Path, keys: Keys) -> Iterator[ClusterKafka]:
    """Start it in an empty folder; end it."""
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
        yield ClusterKafka(f"localhost:{tls}", folder)
    finally:
        broker.kill()


def certify(folder: Path, name: str, keys: Keys) -> None:
    folder.mkdir()
    certificate, key = issue(keys, name)
    (folder / "user.crt").write_bytes(certificate)
    (folder / "user.key").write_bytes(key)


async def grant(bootstrap: str) -> None:
    """What the operator makes of each KafkaUser; returns when the broker keeps to it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        # aiokafka has the messages and no method for them.
        for wanted in (granted := list(rights())):
            answer = await admin._send_request(CreateAclsRequest(*wanted))
            assert [code for code, _ in answer.creation_responses] == [0]
        async with asyncio.timeout(30):
            while await rights_in_force(admin) < len(granted):
                await asyncio.sleep(0.05)
    finally:
        await admin.close()


def rights() -> Iterator[tuple[int, str, int, str, str, int, int]]:
    """Each right of the manifests, as Kafka's protocol wants it."""
    for name, user in of_kind("production", "KafkaUser").items():
        for acl in user["spec"]["authorization"]["acls"]:
            kind, resource = KINDS[acl["resource"]["type"]], acl["resource"]["name"]
            for operation in acl["operations"]:
                yield kind, resource, LITERAL, f"User:{name}", "*", OPERATIONS[operation], ALLOW


async def rights_in_force(admin: AIOKafkaAdminClient) -> int:
    """How many the broker judges by: the controller has a right some time before the broker does."""
    answer = await admin._send_request(DescribeAclsRequest(ANY, None, ANY, None, None, ANY, ANY))
    return sum(len(acls) for *_, acls in answer.resources)
