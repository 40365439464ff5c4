"""The three calls to the gateway's listener for agents: TLS with its authority, a deadline on each.

The address comes from this machine's configuration and from nowhere else.
"""

import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from grpc import StatusCode, ssl_channel_credentials
from smartcard_unlock.card_gateway.v1 import agents_pb2 as pb
from smartcard_unlock.card_gateway.v1.agents_pb2_grpc import AgentServiceStub

from services.agent import wire
from services.agent.facts import Facts
from services.agent.ports import GatewayAway, Idle, Order, Over, Pairing, Session, SessionLost
from services.card_gateway.card.script import Report
from services.runtime.errors import ServiceError
from services.runtime.grpc_client import secure_channel
from services.runtime.grpc_tls import server_name

CALL_SECONDS = 10.0
"""Deadline of a call that does not wait for anything."""
POLL_MARGIN_SECONDS = 5.0
"""Added to the long poll's own wait."""
_LOST = frozenset({
    StatusCode.UNAUTHENTICATED,
    StatusCode.NOT_FOUND,
    StatusCode.PERMISSION_DENIED,
    StatusCode.INVALID_ARGUMENT,
})  # fmt: skip
"""Answers that no repetition changes: this session is not ours, or nothing we say of it is understood."""

A = TypeVar("A")


class GatewayCalls:
    """A channel to the gateway, and the calls on it."""

    def __init__(self, address: str, ca_file: Path, version: str, wall: Callable[[], datetime]) -> None:
        self._version, self._wall = version, wall
        credentials = ssl_channel_credentials(ca_file.read_bytes())
        self._channel = secure_channel(server_name("card_gateway"), address, credentials)
        self._stub = AgentServiceStub(self._channel)

    async def close(self) -> None:
        """Hang up."""
        await self._channel.close()

    async def attach(self, public_key: bytes, facts: Facts, attempt_id: str) -> tuple[str, str, Pairing]:
        """Offer this workstation. Raises GatewayAway."""
        request = pb.AttachRequest(
            agent_public_key=public_key,
            agent_version=self._version,
            readers=wire.to_facts(facts),
            attempt_id=attempt_id,
        )
        try:
            reply = await _asked(self._stub.Attach(request, timeout=CALL_SECONDS))
        except SessionLost as refused:  # there is no session yet; a gateway that is mended will take us
            raise GatewayAway(str(refused)) from None
        return reply.session_id, reply.agent_token, wire.to_pairing(reply.pairing)

    async def next_step(self, session: Session, facts: Facts, wait_seconds: int) -> Order | Idle | Over:
        """Ask for something to do. Raises GatewayAway, SessionLost, OrderRefused."""
        request = pb.NextStepRequest(
            session_id=session.session_id,
            agent_token=session.agent_token,
            readers=wire.to_facts(facts),
            wait_seconds=wait_seconds,
        )
        reply = await _asked(self._stub.NextStep(request, timeout=wait_seconds + POLL_MARGIN_SECONDS))
        if reply.HasField("step"):
            return wire.to_order(reply.step, time.monotonic(), self._wall)
        if reply.HasField("ended"):
            return Over(reply.ended.outcome, reply.ended.code)
        pairing = wire.to_pairing(reply.nothing.pairing) if reply.nothing.HasField("pairing") else None
        return Idle(pairing, reply.nothing.claimed)

    async def report(self, session: Session, step_id: str, report: Report) -> Order | None:
        """Hand in what a step did. Raises GatewayAway, SessionLost, OrderRefused."""
        request = wire.to_report(session.session_id, session.agent_token, step_id, report)
        reply = await _asked(self._stub.ReportStep(request, timeout=CALL_SECONDS))
        return wire.to_order(reply.next, time.monotonic(), self._wall) if reply.HasField("next") else None


async def _asked(call: Awaitable[A]) -> A:
    """Return the answer, or raise what an error means for the agent."""
    try:
        return await call
    except ServiceError as error:
        if error.status in _LOST:
            raise SessionLost(error.code) from None
        raise GatewayAway(error.code, error.retry_after or 0.0) from None
