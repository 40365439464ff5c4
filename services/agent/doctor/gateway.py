"""Checks of the way to the gateway: name, connection, TLS, its answer, its clock and version."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from grpc import StatusCode
from smartcard_unlock.card_gateway.v1 import agents_pb2 as pb

from services.agent.doctor.doors import Stopped, doors_of, through
from services.agent.doctor.finding import Finding, Overdue, fault, not_checked, note, ok, within
from services.agent.enrolment import BAD, EXPIRED, REFUSED, BadCertificate, Enrolment
from services.agent.enrolment import CODES as CERTIFICATE_CODES
from services.agent.over_grpc import HTTP2_SECONDS
from services.agent.sealing import new_private_key, public_key_of
from services.agent.settings import AgentSettings
from services.agent.transport import ATTACH, PROXY_CODES
from services.agent.ways import is_proxied, way_of
from services.runtime.errors import ServiceError
from services.runtime.randomness import Randomness

ANSWER_SECONDS = 5.0
TOLERATED_SKEW = timedelta(seconds=30)
"""The agent counts the gateway's deadlines on a clock of its own; certificates and people need no better."""

_CHECKS = ("certificate", "gateway name", "gateway connection", "gateway TLS", "gateway", "clock", "version")


class GatewayExamination:
    """The way to one gateway, step by step."""

    def __init__(
        self, settings: AgentSettings, version: str, wall: Callable[[], datetime], randomness: Randomness
    ) -> None:
        self._settings, self._ca_file, self._version = settings, settings.TLS_CA_FILE, version
        self._wall, self._randomness = wall, randomness
        self._enrolment = Enrolment.of(settings)
        self._doors = doors_of(settings)

    def findings(self) -> Iterator[Finding]:
        """Look at one thing after the other; after a fault the rest is not checked."""
        done = []
        try:
            for finding in self._steps():
                done.append(finding.check)
                yield finding
        except Stopped as stopped:
            done.append(stopped.finding.check)
            yield stopped.finding
        yield from (not_checked(check) for check in _CHECKS if check not in done)

    def _steps(self) -> Iterator[Finding]:
        yield self._certificate()
        yield from self._reached()
        before = self._wall()
        answer = self._answer()
        after = self._wall()
        yield ok("gateway")
        yield judge_clock(answer, before + (after - before) / 2)
        yield judge_version(answer, self._version)

    def _certificate(self) -> Finding:
        """Look at this workstation's own certificate; a gateway may do without one."""
        enrolment = self._enrolment
        try:
            enrolment.check()
            ends = enrolment.ends()
        except BadCertificate:
            raise Stopped(fault("certificate", BAD)) from None
        if ends is None:
            return ok("certificate")
        until = {"certificate until": ends.date().isoformat()}
        if self._wall() >= ends:
            return fault("certificate", EXPIRED, **until)
        return ok("certificate", **until)

    def _reached(self) -> Iterator[Finding]:
        """Look at the first door, and at the next one only where the way to it is shut."""
        for door in self._doors:
            if is_proxied(self._settings, door.address):  # what lies behind a proxy, only it can look at
                return
            try:
                yield from list(through(door, self._ca_file, self._enrolment))
                return
            except Stopped:
                if door is self._doors[-1]:
                    raise

    def _answer(self) -> pb.AttachResponse:
        try:
            return within(HTTP2_SECONDS + ANSWER_SECONDS + 1, lambda: asyncio.run(self._attach()))
        except Overdue:
            raise Stopped(fault("gateway", "GATEWAY_AWAY", why="no answer")) from None
        except ServiceError as error:
            if error.code in PROXY_CODES | CERTIFICATE_CODES:
                raise Stopped(fault("gateway", error.code)) from None
            if error.code == "NOT_ALLOWED" and self._enrolment.certificate is not None:
                raise Stopped(fault("gateway", REFUSED)) from None
            away = error.retryable or error.status is StatusCode.DEADLINE_EXCEEDED
            code = "GATEWAY_AWAY" if away else "GATEWAY_REFUSES"
            raise Stopped(fault("gateway", code, why=error.code)) from None

    async def _attach(self) -> pb.AttachResponse:
        """Offer this workstation with a key that nobody keeps: no page can use it, and it ends by itself."""
        transport = way_of(self._settings)
        try:
            request = pb.AttachRequest(
                agent_public_key=public_key_of(new_private_key()),
                agent_version=self._version,
                readers=pb.ReaderFacts(service_up=False),
                attempt_id=self._randomness.uuid7(),
            )
            return await transport.call(ATTACH, request, ANSWER_SECONDS)
        finally:
            await transport.close()


def judge_clock(answer: pb.AttachResponse, now: datetime) -> Finding:
    """Compare our clock with the gateway's, which a gateway of before does not tell."""
    if not answer.HasField("gateway_time"):
        return not_checked("clock")
    skew = now - answer.gateway_time.ToDatetime(tzinfo=UTC)
    seconds = round(skew.total_seconds())
    if abs(skew) > TOLERATED_SKEW:
        return fault("clock", "CLOCK_WRONG", **{"seconds ahead": seconds})
    return ok("clock", **{"seconds ahead": seconds})


def judge_version(answer: pb.AttachResponse, version: str) -> Finding:
    """Compare our version with the gateway's."""
    if not answer.gateway_version:
        return not_checked("version")
    versions = {"agent": version, "gateway": answer.gateway_version[:32]}
    if answer.gateway_version != version:
        return note("version", "AGENT_VERSION_DIFFERS", **versions)
    return ok("version", **versions)
