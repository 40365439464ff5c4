"""identity and otp as real processes on a real broker: from an import to a redeemed code."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from smartcard_unlock.identity.v1 import identity_pb2, identity_pb2_grpc
from smartcard_unlock.notifier.v1 import notifier_events_pb2 as notifier
from smartcard_unlock.otp.v1 import otp_events_pb2, otp_pb2, otp_pb2_grpc

from deploy.local.child import Child, free_port
from deploy.local.kafka import Kafka
from deploy.local.keys import Keys
from services.runtime import hpke
from services.runtime.clock import SystemClock
from services.runtime.cloud_events import headers_of
from services.runtime.grants import GrantSigner, GrantVerifier, UnlockGrant
from services.runtime.grpc_client import connect
from services.runtime.outbox import Event
from tests.ports.bare_calls import tls_of
from tests.ports.identity.world import CARD, CARD_GRANT, DOMAIN, HOLDER, ORGANISATION
from tests.ports.otp.world import context_of

READY = '"event": "ready"'

SECONDS = 60
"""Above what any step takes on a busy machine; each step ends as soon as it is done."""


@dataclass
class Running:
    """Both processes and web's channels to them."""

    keys: Keys
    kafka: Kafka
    identity: identity_pb2_grpc.IdentityServiceStub
    otp: otp_pb2_grpc.OtpServiceStub
    children: list[Child]

    async def holder_grant(self) -> str:
        now = datetime.now(UTC)
        grant = replace(
            CARD_GRANT,
            issued_at=now,
            expires_at=now + timedelta(minutes=40),
            certificate_expires_at=now + timedelta(days=30),
        )
        token = GrantSigner.from_file("card_gateway", self.keys.signing("card_gateway")).sign(grant)
        answer = await self.identity.ResolveHolder(identity_pb2.ResolveHolderRequest(card_grant=token))
        assert answer.HasField("resolved"), answer
        return answer.resolved.holder_grant


def environment(keys: Keys, kafka: Kafka, folder: Path, process: str, port: int) -> dict[str, str]:
    return {
        **keys.tls(process),
        f"{process.upper()}_DATABASE_URL": f"sqlite+aiosqlite:///{folder / process}.db",
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
        "LISTEN_ADDRESS": f"127.0.0.1:{port}",
        "GRANT_SIGNING_KEY_FILE": str(keys.signing(process)),
        "GRANT_VERIFY_KEYS_DIR": str(keys.verify_dir),
        "OTP_CODE_KEY_FILE": str(keys.otp_code),
        "NOTIFIER_PUBLIC_KEY_FILE": str(keys.notifier_public),
        "LOG_LEVEL": "DEBUG",
    }


def command(folder: Path, process: str, env: dict[str, str], *words: str, ready: str | None = None) -> Child:
    argv = [sys.executable, "-m", f"services.{process}", *words]
    return Child(process, argv, folder / f"{process}.log", env, ready_line=ready)


def run_to_end(child: Child) -> None:
    child.launch()
    assert child.wait(SECONDS) == 0, child.tail()


@pytest.fixture
def processes(tmp_path: Path, keys: Keys, own_kafka: Kafka) -> Iterator[dict[str, tuple[Child, int]]]:
    future = (datetime.now(UTC) + timedelta(days=300)).isoformat()
    rows = (ORGANISATION, DOMAIN, HOLDER, CARD | {"certificate_expires_at": future})
    people = tmp_path / "people.jsonl"
    people.write_text("\n".join(map(json.dumps, rows)))
    running: dict[str, tuple[Child, int]] = {}
    for process in ("identity", "otp"):
        port = free_port()
        env = environment(keys, own_kafka, tmp_path, process, port)
        run_to_end(command(tmp_path, process, env, "migrate"))
        if process == "identity":
            run_to_end(command(tmp_path, process, env, "import", str(people)))
        child = command(tmp_path, process, env, "serve", ready=READY)
        child.start(SECONDS)
        running[process] = (child, port)
    yield running
    for child, _ in running.values():
        child.kill()


@pytest.fixture
async def running(
    processes: dict[str, tuple[Child, int]], keys: Keys, own_kafka: Kafka
) -> AsyncIterator[Running]:
    channels = [
        connect(process, f"127.0.0.1:{port}", tls_of(keys, "web")) for process, (_, port) in processes.items()
    ]
    yield Running(
        keys,
        own_kafka,
        identity_pb2_grpc.IdentityServiceStub(channels[0]),
        otp_pb2_grpc.OtpServiceStub(channels[1]),
        [child for child, _ in processes.values()],
    )
    for channel in channels:
        await channel.close()


async def next_code(running: Running) -> tuple[otp_events_pb2.CodeIssued, str]:
    """Take the code off its topic and open it, as the notifier does."""
    consumer = AIOKafkaConsumer(
        "otp.code-issued.v1", bootstrap_servers=running.kafka.bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        record = await asyncio.wait_for(consumer.getone(), SECONDS)
    finally:
        await consumer.stop()
    issued = otp_events_pb2.CodeIssued.FromString(record.value)
    private = load_pem_private_key(running.keys.notifier_private.read_bytes(), None)
    assert isinstance(private, X25519PrivateKey)
    return issued, hpke.open_sealed(private, issued.sealed_code, context_of(issued)).decode()


async def tell_sent(running: Running, code_id: str) -> None:
    """Tell what the notifier tells once a mail has gone."""
    message = notifier.DeliveryChanged(message_id=code_id, template="code", delivery=notifier.DELIVERY_SENT)
    event = Event("notifier.events.v1", CARD_GRANT.session_id, message, datetime.now(UTC))
    row = {
        "ce_id": str(uuid4()),
        "ce_type": message.DESCRIPTOR.full_name,
        "source": "notifier",
        "key": event.key,
        "time": event.occurred_at,
        "traceparent": "",
        "relayseq": 1,
    }
    producer = AIOKafkaProducer(bootstrap_servers=running.kafka.bootstrap)
    await producer.start()
    try:
        await producer.send_and_wait(
            event.topic, message.SerializeToString(), key=event.key.encode(), headers=headers_of(row)
        )
    finally:
        await producer.stop()


async def delivery(running: Running, grant: str) -> "otp_pb2.DeliveryState.ValueType":
    answer = await running.otp.GetCodeStatus(otp_pb2.GetCodeStatusRequest(holder_grant=grant))
    return answer.status.delivery


@pytest.mark.kafka
async def test_R1_from_an_import_to_a_redeemed_code_through_real_processes(running: Running) -> None:
    grant = await running.holder_grant()
    answer = await running.otp.IssueCode(
        otp_pb2.IssueCodeRequest(holder_grant=grant, attempt_id=str(uuid4()))
    )
    assert answer.issued.delivery == otp_pb2.DELIVERY_STATE_QUEUED

    issued, digits = await next_code(running)
    assert issued.code_id == answer.issued.code_id
    await tell_sent(running, issued.code_id)
    async with asyncio.timeout(SECONDS):
        while await delivery(running, grant) != otp_pb2.DELIVERY_STATE_SENT:
            await asyncio.sleep(0.1)

    typed = f"{digits[:4]} {digits[4:]}"
    redeemed = await running.otp.RedeemCode(
        otp_pb2.RedeemCodeRequest(holder_grant=grant, typed=typed, attempt_id=str(uuid4()))
    )
    verifier = GrantVerifier.from_dir(running.keys.verify_dir, "card_gateway", SystemClock())
    assert verifier.verify(redeemed.unlock_grant, UnlockGrant).card_ref == CARD_GRANT.card_ref

    for child in running.children:
        assert await asyncio.to_thread(child.stop) == 0
        log = child.log.read_text()
        for secret in (digits, HOLDER["email"], HOLDER["name"], grant, redeemed.unlock_grant):
            assert secret not in log
