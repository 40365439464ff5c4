"""A gateway that gives the agent what a test wants, over real TLS, by gRPC and by HTTPS/1.1.

The first session that the agent attaches is the one a test drives; any other stands unclaimed.
"""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from smartcard_unlock.card_gateway.v1 import agents_pb2 as pb
from smartcard_unlock.card_gateway.v1.agents_pb2_grpc import (
    AgentServiceServicer,
    add_AgentServiceServicer_to_server,
)

from deploy.local.child import free_port
from deploy.local.keys import Keys
from services.card_gateway.access import AGENT_ACCESS as ACCESS
from services.card_gateway.card.script import Report, Script
from services.runtime import errors
from services.runtime.access import for_enrolled_agents
from services.runtime.grpc_server import build_server
from services.runtime.grpc_tls import TlsFiles
from services.runtime.hpke import pin_info, seal
from services.runtime.https_server import build_https_server
from services.runtime.process import Listener
from services.runtime.randomness import SystemRandomness
from services.runtime.version import VERSION
from tests.agent.wire import from_wire, to_wire

PAGE = "http://127.0.0.1:8080/open/"


class ScriptedGateway(AgentServiceServicer):
    """Offers sessions, hands out the steps it is given, keeps the reports."""

    def __init__(self, keys: Keys, agent_ca: Path | None = None) -> None:
        """`agent_ca`: who signs the certificates that agents must show; None: they show none."""
        self._keys, self._agent_ca = keys, agent_ca
        self.address = self.https_address = ""
        self.session_id = ""
        """The session that the test drives."""
        self.attached: dict[str, pb.AttachRequest] = {}
        """By session id, in order."""
        self.polled: list[pb.NextStepRequest] = []
        self.reports: dict[str, pb.ReportStepRequest] = {}
        self.claimed: set[str] = set()
        self.ended: dict[str, pb.SessionEnded] = {}
        self.lost: set[str] = set()
        self.ahead = timedelta(0)
        """How far this gateway's clock is ahead of the workstation's."""
        self.poll_seconds = 1
        """Longest wait of a poll."""
        self.refused_attaches = 0
        """How many Attach calls are still refused as not allowed."""
        self._steps: list[pb.Step] = []
        self._after: dict[str, pb.Step] = {}
        self._news = asyncio.Condition()
        self._servers: list[Listener] = []

    async def start(self, port: int = 0) -> None:
        """`port`: of gRPC; 0: one that nobody else takes, also while the gateway is stopped."""
        tls, registration = (
            TlsFiles(*map(Path, self._keys.tls("card_gateway").values())),
            (add_AgentServiceServicer_to_server, self),
        )
        access = ACCESS if self._agent_ca is None else for_enrolled_agents(ACCESS)
        grpc = build_server(
            "card_gateway", [registration], access, tls, f"127.0.0.1:{port or free_port()}",
            require_client_certificate=self._agent_ca is not None, client_ca=self._agent_ca,
        )  # fmt: skip
        https = build_https_server(
            "card_gateway", registration, access, tls, "127.0.0.1:0", client_ca=self._agent_ca
        )
        self._servers = [grpc, https]
        for server in self._servers:
            await server.start()
        self.address, self.https_address = f"127.0.0.1:{grpc.port}", f"127.0.0.1:{https.port}"

    async def stop(self) -> None:
        await asyncio.gather(*(server.stop(0) for server in self._servers))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def give(self, script: Script, *, seconds: float = 60, after: str = "", **more: Any) -> str:
        """Hand out a script next, or as the answer to the report of step `after`; return its id."""
        now = datetime.now(UTC) + timedelta(hours=5)  # our clock is not the workstation's
        step = pb.Step(step_id=secrets.token_hex(8), script=to_wire(script), nonce=bytes(32), **more)
        step.sent_at.FromDatetime(now)
        step.begin_before.FromDatetime(now + timedelta(seconds=seconds))
        if after:
            self._after[after] = step
        else:
            self._steps.append(step)
        await self.tell()
        return step.step_id

    async def report_of(self, step_id: str) -> Report:
        """Return the report of a step as soon as it is in."""
        await self.until(lambda: step_id in self.reports)
        assert self.reports[step_id].session_id == self.session_id
        return from_wire(self.reports[step_id])

    async def until(self, true: Callable[[], bool], seconds: float = 60) -> None:
        async with asyncio.timeout(seconds), self._news:
            await self._news.wait_for(true)

    async def tell(self) -> None:
        """Let whoever waits look again."""
        async with self._news:
            self._news.notify_all()

    def sealed(self, pin: str, attempt_id: str) -> bytes:
        """Seal a PIN to the agent's key of this session, as the page does."""
        key = self.attached[self.session_id].agent_public_key
        return seal(key, pin.encode(), pin_info(self.session_id, attempt_id))

    async def Attach(self, request: pb.AttachRequest, context: Any) -> pb.AttachResponse:
        if self.refused_attaches:
            self.refused_attaches -= 1
            raise errors.not_allowed()
        session_id = SystemRandomness().uuid7()
        self.attached[session_id] = request
        self.session_id = self.session_id or session_id
        await self.tell()
        offer = pb.AttachResponse(session_id=session_id, agent_token="t" * 43, pairing=_pairing(session_id))
        offer.gateway_time.FromDatetime(datetime.now(UTC) + self.ahead)
        offer.gateway_version = VERSION
        return offer

    async def NextStep(self, request: pb.NextStepRequest, context: Any) -> pb.NextStepResponse:
        session_id = request.session_id
        if session_id in self.lost:
            raise errors.not_found("SESSION_NOT_FOUND")
        self.polled.append(request)
        await self.tell()
        with suppress(TimeoutError):
            await self.until(
                lambda: bool(self._answer(session_id)), min(self.poll_seconds, request.wait_seconds)
            )
        return self._answer(session_id) or pb.NextStepResponse(nothing=self._nothing(session_id))

    async def ReportStep(self, request: pb.ReportStepRequest, context: Any) -> pb.ReportStepResponse:
        self.reports.setdefault(request.step_id, request)
        self._steps = [step for step in self._steps if step.step_id != request.step_id]
        await self.tell()
        following = self._after.get(request.step_id)
        return pb.ReportStepResponse(next=following)

    def _nothing(self, session_id: str) -> pb.Nothing:
        if session_id in self.claimed:
            return pb.Nothing(claimed=True)
        return pb.Nothing(pairing=_pairing(session_id))

    def _answer(self, session_id: str) -> pb.NextStepResponse | None:
        if session_id == self.session_id and self._steps:
            return pb.NextStepResponse(step=self._steps[0])
        if session_id in self.ended:
            return pb.NextStepResponse(ended=self.ended[session_id])
        return None


def _pairing(session_id: str) -> pb.Pairing:
    pairing = pb.Pairing(page_address=PAGE + session_id, pairing_code="ABCD-EFGH")
    pairing.expires_at.FromDatetime(datetime.now(UTC) + timedelta(seconds=120))
    return pairing
