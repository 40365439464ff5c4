"""A gateway that gives the agent what a test wants, over real TLS and gRPC."""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

import grpc
import grpc.aio
from smartcard_unlock.card_gateway.v1 import agents_pb2 as pb
from smartcard_unlock.card_gateway.v1.agents_pb2_grpc import (
    AgentServiceServicer,
    add_AgentServiceServicer_to_server,
)

from deploy.local.keys import Keys, issue
from services.card_gateway.card.script import Answer, End, Report, Script, Step
from services.runtime.hpke import pin_info, seal
from services.runtime.randomness import SystemRandomness

PAGE = "http://127.0.0.1:8080/open/"


class ScriptedGateway(AgentServiceServicer):
    """Offers sessions, hands out the steps it is given, keeps the reports."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.address = ""
        self.session_id = ""
        self.attached: list[pb.AttachRequest] = []
        self.polled: list[pb.NextStepRequest] = []
        self.reports: dict[str, pb.ReportStepRequest] = {}
        self.claimed = False
        self.ended: pb.SessionEnded | None = None
        self.lost = False
        """Answers every call but Attach with NOT_FOUND."""
        self._steps: list[pb.Step] = []
        self._after: dict[str, pb.Step] = {}
        self._news = asyncio.Condition()
        self._server: grpc.aio.Server | None = None

    async def start(self, port: int = 0) -> None:
        certificate, key = issue(self._keys, "card_gateway")
        server = grpc.aio.server()
        add_AgentServiceServicer_to_server(self, server)
        credentials = grpc.ssl_server_credentials([(key, certificate)])
        port = server.add_secure_port(f"127.0.0.1:{port}", credentials)
        await server.start()
        self.address, self._server = f"127.0.0.1:{port}", server

    async def stop(self) -> None:
        assert self._server is not None
        await self._server.stop(0)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def give(self, script: Script, *, seconds: float = 30, after: str = "", **more: object) -> str:
        """Hand out a script next, or as the answer to the report of step `after`; return its id."""
        now = datetime.now(UTC) + timedelta(hours=5)  # our clock is not the workstation's
        step = pb.Step(step_id=secrets.token_hex(8), script=to_wire(script), nonce=bytes(32), **more)  # type: ignore[arg-type]
        step.sent_at.FromDatetime(now)
        step.begin_before.FromDatetime(now + timedelta(seconds=seconds))
        if after:
            self._after[after] = step
        else:
            self._steps.append(step)
        await self._tell()
        return step.step_id

    async def end(self, outcome: str, code: str = "") -> None:
        self.ended = pb.SessionEnded(outcome=outcome, code=code)
        await self._tell()

    async def report_of(self, step_id: str, seconds: float = 30) -> Report:
        """Return the report of a step as soon as it is in."""
        await self.until(lambda: step_id in self.reports, seconds)
        return from_wire(self.reports[step_id])

    async def until(self, true: Callable[[], bool], seconds: float = 10) -> None:
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(true)

    def sealed(self, pin: str, attempt_id: str) -> bytes:
        """Seal a PIN to the agent's key of this session, as the page does."""
        return seal(self.attached[-1].agent_public_key, pin.encode(), pin_info(self.session_id, attempt_id))

    async def Attach(self, request: pb.AttachRequest, context: object) -> pb.AttachResponse:
        self.attached.append(request)
        self.session_id, self.ended, self.claimed, self.lost = SystemRandomness().uuid7(), None, False, False
        await self._tell()
        return pb.AttachResponse(session_id=self.session_id, agent_token="t" * 43, pairing=self._pairing())

    async def NextStep(
        self,
        request: pb.NextStepRequest,
        context: grpc.aio.ServicerContext[pb.NextStepRequest, pb.NextStepResponse],
    ) -> pb.NextStepResponse:
        if self.lost or request.session_id != self.session_id:
            await context.abort(grpc.StatusCode.NOT_FOUND, "SESSION_NOT_FOUND")
        self.polled.append(request)
        await self._tell()
        with suppress(TimeoutError):
            await self.until(lambda: bool(self._steps or self.ended or self.claimed), 1)
        if self._steps:
            return pb.NextStepResponse(step=self._steps[0])
        if self.ended is not None:
            return pb.NextStepResponse(ended=self.ended)
        if self.claimed:
            await asyncio.sleep(0.1)
        nothing = pb.Nothing(claimed=self.claimed, pairing=None if self.claimed else self._pairing())
        return pb.NextStepResponse(nothing=nothing)

    async def ReportStep(self, request: pb.ReportStepRequest, context: object) -> pb.ReportStepResponse:
        self.reports.setdefault(request.step_id, request)
        self._steps = [step for step in self._steps if step.step_id != request.step_id]
        await self._tell()
        following = self._after.get(request.step_id)
        return pb.ReportStepResponse(next=following)

    def _pairing(self) -> pb.Pairing:
        pairing = pb.Pairing(page_address=PAGE + self.session_id, pairing_code="ABCD-EFGH")
        pairing.expires_at.FromDatetime(datetime.now(UTC) + timedelta(seconds=120))
        return pairing

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


def to_wire(script: Script) -> pb.Script:
    return pb.Script(
        kind=pb.ScriptKind.Value(f"SCRIPT_KIND_{script.kind.value}"),
        steps=[_step(step) for step in script.steps],
    )


def _step(step: Step) -> pb.ScriptStep:
    command = step.command
    rules = [
        pb.StatusRule(
            status=rule.status,
            mask=rule.mask,
            action=pb.StatusAction.Value(f"STATUS_ACTION_{rule.action.value}"),
            target=rule.target,
        )
        for rule in step.rules
    ]
    return pb.ScriptStep(
        name=step.name,
        command=pb.Command(
            cla=command.cla, ins=command.ins, p1=command.p1, p2=command.p2, data=command.data, le=command.le
        ),
        slot=pb.Slot.Value(f"SLOT_{step.slot.value}") if step.slot else pb.SLOT_UNSPECIFIED,
        slot_offset=step.slot_offset,
        rules=rules,
        keep=step.keep,
        expect_sha256=step.expect_sha256 or b"",
    )


def from_wire(report: pb.ReportStepRequest) -> Report:
    answers = tuple(Answer(answer.name, answer.status, answer.data) for answer in report.answers)
    end = End(pb.ScriptEnd.Name(report.end).removeprefix("SCRIPT_END_"))
    return Report(answers, end, report.in_flight, report.rule)
