"""AgentService: the agents' listener."""

from typing import Any

from smartcard_unlock.card_gateway.v1 import agents_pb2 as wire
from smartcard_unlock.card_gateway.v1 import agents_pb2_grpc

from services.card_gateway.domain.step import Step, StepKind
from services.card_gateway.ports import NotReleased
from services.card_gateway.servicer.scripts import report_of, script
from services.card_gateway.servicer.words import attempt_of, readers_of
from services.card_gateway.use_cases.agents import Agents
from services.card_gateway.use_cases.offers import Offer
from services.card_gateway.use_cases.orders import Idle, Order, Over, Question
from services.runtime import spoken_codes
from services.runtime.errors import unavailable
from services.runtime.timestamps import timestamp_of
from services.runtime.version import VERSION
from services.runtime.words import matching_words


class AgentServicer(agents_pb2_grpc.AgentServiceServicer):
    """Attach, NextStep and ReportStep."""

    def __init__(self, agents: Agents, web_origin: str) -> None:
        self._agents = agents
        self._web_origin = web_origin

    async def Attach(  # noqa: N802
        self, request: wire.AttachRequest, context: Any
    ) -> wire.AttachResponse:
        """Offer a workstation."""
        attached = await self._agents.attach(
            request.agent_public_key, readers_of(request.readers), attempt_of(request.attempt_id)
        )
        session = attached.session
        return wire.AttachResponse(
            session_id=session.session_id,
            agent_token=attached.agent_token,
            pairing=self._pairing(attached.offer),
            words=matching_words(session.session_id, session.agent_public_key),
            gateway_time=timestamp_of(attached.given_at),
            gateway_version=VERSION,
        )

    async def NextStep(  # noqa: N802
        self, request: wire.NextStepRequest, context: Any
    ) -> wire.NextStepResponse:
        """Give something to do, or wait for it."""
        try:
            found = await self._agents.next_step(
                request.session_id,
                request.agent_token,
                readers_of(request.readers),
                request.wait_seconds,
                card_left=request.card_left,
            )
        except NotReleased as kept:
            raise unavailable() from kept
        if isinstance(found, Order):
            return wire.NextStepResponse(step=_step(found))
        if isinstance(found, Over):
            return wire.NextStepResponse(ended=wire.SessionEnded(outcome=found.outcome, code=found.code))
        return wire.NextStepResponse(nothing=self._nothing(found))

    async def ReportStep(  # noqa: N802
        self, request: wire.ReportStepRequest, context: Any
    ) -> wire.ReportStepResponse:
        """Take a report."""
        try:
            found = await self._agents.report_step(
                request.session_id, request.agent_token, request.step_id, report_of(request)
            )
        except NotReleased as kept:
            raise unavailable() from kept
        return wire.ReportStepResponse(next=_step(found) if found else None)

    def _nothing(self, idle: Idle) -> wire.Nothing:
        offer = self._pairing(idle.offer) if idle.offer else None
        return wire.Nothing(pairing=offer, claimed=idle.claimed, signed_in=idle.signed_in)

    def _pairing(self, offer: Offer) -> wire.Pairing:
        return wire.Pairing(
            page_address=f"{self._web_origin}/open/{offer.token}",
            pairing_code=spoken_codes.shown(offer.code),
            expires_at=timestamp_of(offer.ends_at),
        )


def _step(order: Order) -> wire.Step:
    step, asked = order.step, order.question
    question = _question(asked) if asked else None
    # PROVE keeps what was sealed for the step that follows it.
    secret: dict[str, Any] = {} if step.kind is StepKind.PROVE else _sealed(step)
    return wire.Step(
        step_id=step.step_id,
        script=script(order.script),
        nonce=step.nonce,
        begin_before=timestamp_of(step.begin_before),
        question=question,
        sent_at=timestamp_of(order.given_at),
        **secret,
    )


def _question(asked: Question) -> wire.Question:
    return wire.Question(
        last_four=asked.last_four,
        reason=asked.reason,
        last_try=asked.last_try,
        pin_at_agent=asked.pin_at_agent,
    )


def _sealed(step: Step) -> dict[str, Any]:
    return {
        "sealed_pin": step.sealed_pin,
        "sealed_current_pin": step.sealed_current_pin,
        "pin_attempt_id": step.pin_attempt_id,
    }
