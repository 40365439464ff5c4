"""Checks of the way to the gateway: name, connection, TLS, its answer, its clock and version."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from grpc import StatusCode
from smartcard_unlock.card_gateway.v1 import agents_pb2 as pb

from services.agent.doctor.finding import Finding, Overdue, fault, not_checked, note, ok, within
from services.agent.enrolment import BAD, EXPIRED, REFUSED, BadCertificate, Enrolment
from services.agent.enrolment import CODES as CERTIFICATE_CODES
from services.agent.over_grpc import HTTP2_SECONDS
from services.agent.sealing import new_private_key, public_key_of
from services.agent.settings import AgentSettings
from services.agent.transport import ATTACH, PROXY_CODES
from services.agent.ways import is_proxied, way_of
from services.runtime.errors import ServiceError
from services.runtime.grpc_tls import server_name
from services.runtime.randomness import Randomness

RESOLVE_SECONDS = 3.0
CONNECT_SECONDS = 3.0
HANDSHAKE_SECONDS = 4.0
ANSWER_SECONDS = 5.0
TOLERATED_SKEW = timedelta(seconds=30)
"""The agent counts the gateway's deadlines on a clock of its own; certificates and people need no better."""

# Verification errors that have a code of their own. Source: OpenSSL x509_vfy.h.
_VERIFY = {
    9: "CLOCK_WRONG",  # not yet valid
    10: "GATEWAY_CERTIFICATE_EXPIRED",
    18: "GATEWAY_CA_UNKNOWN",
    19: "GATEWAY_CA_UNKNOWN",
    20: "GATEWAY_CA_UNKNOWN",
    21: "GATEWAY_CA_UNKNOWN",
    62: "GATEWAY_NAME_WRONG",
}
_CHECKS = ("certificate", "gateway name", "gateway connection", "gateway TLS", "gateway", "clock", "version")


class Stopped(Exception):
    """A check failed that the following ones need; carries its finding."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.code)
        self.finding = finding


class GatewayExamination:
    """The way to one gateway, step by step."""

    def __init__(
        self, settings: AgentSettings, version: str, wall: Callable[[], datetime], randomness: Randomness
    ) -> None:
        self._settings, self._ca_file, self._version = settings, settings.TLS_CA_FILE, version
        self._wall, self._randomness = wall, randomness
        self._enrolment = Enrolment.of(settings)
        host, _, port = settings.CARD_GATEWAY_ADDRESS.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)

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
        if not is_proxied(self._settings):  # what lies behind a proxy, only it can look at
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
        addresses = self._resolved()
        yield ok("gateway name", host=self._host)
        with self._connected(addresses) as connection:
            yield ok("gateway connection", address=connection.getpeername()[0], port=self._port)
            ends = self._shaken_hands(connection)
        yield ok("gateway TLS", **{"certificate until": ends.date().isoformat()})

    def _resolved(self) -> list[str]:
        def ask() -> list[str]:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            return [str(sockaddr[0]) for *_, sockaddr in found]

        try:
            return within(RESOLVE_SECONDS, ask)
        except (OSError, UnicodeError, Overdue):
            raise Stopped(fault("gateway name", "GATEWAY_NAME_UNKNOWN", host=self._host)) from None

    def _connected(self, addresses: list[str]) -> socket.socket:
        why = "no address"
        for address in addresses[:4]:
            try:
                return socket.create_connection((address, self._port), CONNECT_SECONDS / len(addresses[:4]))
            except TimeoutError:
                why = "no answer"
            except OSError:
                why = "refused"
        finding = fault("gateway connection", "GATEWAY_UNREACHABLE", port=self._port, why=why)
        raise Stopped(finding)

    def _shaken_hands(self, connection: socket.socket) -> datetime:
        """Return when the gateway's certificate ends."""
        connection.settimeout(HANDSHAKE_SECONDS)
        try:
            context = ssl.create_default_context(cafile=str(self._ca_file))
        except OSError:
            raise Stopped(fault("gateway TLS", "CA_FILE_BAD")) from None
        context.set_alpn_protocols(["h2"])
        self._enrolment.show_in(context)
        try:
            with context.wrap_socket(connection, server_hostname=server_name("card_gateway")) as tls:
                shown = tls.getpeercert() or {}
        except ssl.SSLCertVerificationError as error:
            code = _VERIFY.get(error.verify_code, "GATEWAY_CA_UNKNOWN")
            raise Stopped(fault("gateway TLS", code, openssl=error.verify_code)) from None
        except (OSError, ValueError):
            raise Stopped(fault("gateway TLS", "GATEWAY_NOT_TLS")) from None
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC)

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
