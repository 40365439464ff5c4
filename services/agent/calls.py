"""The three calls to the gateway, in the agent's own words, with a deadline on each.

How they are carried, and to where, is `ways`' business.
"""

import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

from grpc import StatusCode
from smartcard_unlock.card_gateway.v1 import agents_pb2 as pb

from services.agent import enrolment, wire
from services.agent.facts import Facts
from services.agent.patience import Patience
from services.agent.ports import GatewayAway, Idle, Order, Over, Pairing, Session, SessionLost
from services.agent.transport import ATTACH, NEXT_STEP, REPORT_STEP, Transport
from services.card_gateway.card.script import Report
from services.runtime.errors import ServiceError, Unanswered

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


class _NoAnswer(GatewayAway):
    """The gateway said nothing."""


class GatewayCalls:
    """The gateway, as the agent speaks with it."""

    def __init__(
        self,
        transport: Transport,
        version: str,
        wall: Callable[[], datetime],
        *,
        enrolled: bool = False,
    ) -> None:
        """`enrolled`: the transport shows a certificate; a gateway that lets nobody in means that one."""
        self._enrolled = enrolled
        self._transport, self._version, self._wall = transport, version, wall
        self._patience = Patience()

    async def close(self) -> None:
        """Hang up."""
        await self._transport.close()

    async def attach(self, public_key: bytes, facts: Facts, attempt_id: str) -> tuple[str, str, Pairing]:
        """Offer this workstation. Raises GatewayAway."""
        request = pb.AttachRequest(
            agent_public_key=public_key,
            agent_version=self._version,
            readers=wire.to_facts(facts),
            attempt_id=attempt_id,
        )
        try:
            reply = await _asked(self._transport.call(ATTACH, request, CALL_SECONDS))
        except SessionLost as refused:  # there is no session yet; a gateway that is mended will take us
            code = str(refused)
            ours = self._enrolled and code == "NOT_ALLOWED"
            raise GatewayAway(enrolment.REFUSED if ours else code) from None
        return reply.session_id, reply.agent_token, wire.to_pairing(reply.pairing)

    async def next_step(
        self, session: Session, facts: Facts, wait_seconds: int, *, card_left: bool = False
    ) -> Order | Idle | Over:
        """Ask for something to do. Raises GatewayAway, SessionLost, OrderRefused."""
        wait_seconds = self._patience.of(wait_seconds)
        request = pb.NextStepRequest(
            session_id=session.session_id,
            agent_token=session.agent_token,
            readers=wire.to_facts(facts),
            wait_seconds=wait_seconds,
            card_left=card_left,
        )
        began = time.monotonic()
        seconds = wait_seconds + POLL_MARGIN_SECONDS
        try:
            reply = await _asked(self._transport.call(NEXT_STEP, request, seconds))
        except _NoAnswer as away:
            if away.code != "DEADLINE_EXCEEDED" and self._patience.cut(time.monotonic() - began):
                return Idle(None, claimed=False)  # the next poll tells whether the gateway is away
            raise
        self._patience.answered()
        if reply.HasField("step"):
            return wire.to_order(reply.step, time.monotonic(), self._wall)
        if reply.HasField("ended"):
            return Over(reply.ended.outcome, reply.ended.code)
        pairing = wire.to_pairing(reply.nothing.pairing) if reply.nothing.HasField("pairing") else None
        return Idle(pairing, reply.nothing.claimed, reply.nothing.signed_in)

    async def report(self, session: Session, step_id: str, report: Report) -> Order | None:
        """Hand in what a step did. Raises GatewayAway, SessionLost, OrderRefused."""
        request = wire.to_report(session.session_id, session.agent_token, step_id, report)
        reply = await _asked(self._transport.call(REPORT_STEP, request, CALL_SECONDS))
        return wire.to_order(reply.next, time.monotonic(), self._wall) if reply.HasField("next") else None


async def _asked(call: Awaitable[A]) -> A:
    """Return the answer, or raise what an error means for the agent."""
    try:
        return await call
    except Unanswered as error:  # whatever its status: only the gateway's own word ends a session
        raise _NoAnswer(error.code) from None
    except ServiceError as error:
        if error.status in _LOST:
            raise SessionLost(error.code) from None
        raise GatewayAway(error.code, error.retry_after or 0.0) from None
