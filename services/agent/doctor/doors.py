"""The gateway's listeners as a workstation sees them: name, connection, TLS."""

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from services.agent.doctor.finding import Finding, Overdue, fault, ok, within
from services.agent.enrolment import Enrolment
from services.agent.settings import AgentSettings
from services.runtime.grpc_tls import server_name

RESOLVE_SECONDS = 3.0
CONNECT_SECONDS = 3.0
HANDSHAKE_SECONDS = 4.0

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


class Stopped(Exception):
    """A check failed that the following ones need; carries its finding."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.code)
        self.finding = finding


@dataclass(frozen=True)
class Door:
    """One listener of the gateway."""

    address: str
    """host:port."""
    protocol: str
    """As ALPN names it. Source: RFC 7301, 6."""

    @property
    def host(self) -> str:
        """A name, or an IP address without brackets."""
        return self.address.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """TCP."""
        return int(self.address.rpartition(":")[2])


def doors_of(settings: AgentSettings) -> tuple[Door, ...]:
    """Return what the agent would knock at, the better first."""
    grpc = Door(settings.CARD_GATEWAY_ADDRESS, "h2")
    https = Door(settings.CARD_GATEWAY_HTTPS_ADDRESS, "http/1.1")
    if settings.CARD_GATEWAY_TRANSPORT == "https":
        return (https,)
    if settings.CARD_GATEWAY_TRANSPORT == "grpc" or not https.address:
        return (grpc,)
    return (grpc, https)


def through(door: Door, ca_file: Path, enrolment: Enrolment) -> Iterator[Finding]:
    """Look up its name, connect, shake hands. Raises Stopped at the first fault."""
    addresses = _resolved(door)
    yield ok("gateway name", host=door.host)
    with _connected(door, addresses) as connection:
        yield ok("gateway connection", address=connection.getpeername()[0], port=door.port)
        ends = _shaken_hands(connection, door, ca_file, enrolment)
    yield ok("gateway TLS", **{"certificate until": ends.date().isoformat()})


def _resolved(door: Door) -> list[str]:
    def ask() -> list[str]:
        found = socket.getaddrinfo(door.host, door.port, type=socket.SOCK_STREAM)
        return [str(sockaddr[0]) for *_, sockaddr in found]

    try:
        return within(RESOLVE_SECONDS, ask)
    except (OSError, UnicodeError, Overdue):
        raise Stopped(fault("gateway name", "GATEWAY_NAME_UNKNOWN", host=door.host)) from None


def _connected(door: Door, addresses: list[str]) -> socket.socket:
    why = "no address"
    for address in addresses[:4]:
        try:
            return socket.create_connection((address, door.port), CONNECT_SECONDS / len(addresses[:4]))
        except TimeoutError:
            why = "no answer"
        except OSError:
            why = "refused"
    raise Stopped(fault("gateway connection", "GATEWAY_UNREACHABLE", port=door.port, why=why))


def _shaken_hands(connection: socket.socket, door: Door, ca_file: Path, enrolment: Enrolment) -> datetime:
    """Return when the gateway's certificate ends."""
    connection.settimeout(HANDSHAKE_SECONDS)
    try:
        context = ssl.create_default_context(cafile=str(ca_file))
    except OSError:
        raise Stopped(fault("gateway TLS", "CA_FILE_BAD")) from None
    context.set_alpn_protocols([door.protocol])
    enrolment.show_in(context)
    try:
        with context.wrap_socket(connection, server_hostname=server_name("card_gateway")) as tls:
            shown = tls.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        code = _VERIFY.get(error.verify_code, "GATEWAY_CA_UNKNOWN")
        raise Stopped(fault("gateway TLS", code, openssl=error.verify_code)) from None
    except (OSError, ValueError):
        raise Stopped(fault("gateway TLS", "GATEWAY_NOT_TLS")) from None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC)
