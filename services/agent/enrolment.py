"""The workstation's own certificate, and what a gateway that takes enrolled ones only makes of it.

A server that refuses a client's certificate ends the connection after TLS 1.3 is done on our side, mostly
without a word. So a gateway that proved itself and then hangs up before its first byte is taken to refuse us.
"""

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from services.agent.settings import AgentSettings
from services.runtime.clock import SystemClock
from services.runtime.grpc_tls import server_name

MISSING, EXPIRED, REFUSED = (
    "AGENT_CERTIFICATE_MISSING",
    "AGENT_CERTIFICATE_EXPIRED",
    "AGENT_CERTIFICATE_REFUSED",
)
CODES = frozenset({MISSING, EXPIRED, REFUSED})
BAD = "AGENT_CERTIFICATE_BAD"
"""The files do not hold a certificate and its key."""
PROBE_SECONDS = 3.0
"""For the connection, for TLS, and for the first byte or the hanging up: each."""


class BadCertificate(Exception):
    """Certificate and key cannot be read, or do not belong together."""


@dataclass(frozen=True)
class Enrolment:
    """Whom we trust, and what we show: a certificate and its key, or nothing. PEM files."""

    ca: Path
    certificate: Path | None = None
    key: Path | None = None
    now: Callable[[], datetime] = SystemClock().now

    @classmethod
    def of(cls, settings: AgentSettings) -> "Enrolment":
        """Return what these settings name."""
        return cls(settings.TLS_CA_FILE, settings.AGENT_CERT_FILE, settings.AGENT_KEY_FILE)

    def pair(self) -> tuple[bytes | None, bytes | None]:
        """Return key and certificate chain, PEM."""
        if self.certificate is None or self.key is None:
            return None, None
        return self.key.read_bytes(), self.certificate.read_bytes()

    def show_in(self, context: ssl.SSLContext) -> None:
        """Have a client's context show our certificate, if there is one. Raises BadCertificate."""
        if self.certificate is None or self.key is None:
            return
        try:
            context.load_cert_chain(self.certificate, self.key, password="")
        except (OSError, ValueError):
            raise BadCertificate from None

    def check(self) -> None:
        """Raise BadCertificate unless what we show can be shown."""
        self.show_in(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))

    def ends(self) -> datetime | None:
        """Return when the certificate ends; None where there is none. Raises BadCertificate."""
        _, certificate = self.pair()
        if certificate is None:
            return None
        try:
            return x509.load_pem_x509_certificate(certificate).not_valid_after_utc
        except ValueError:
            raise BadCertificate from None

    def why_refused(self, address: str, protocols: tuple[str, ...]) -> str:
        """Ask the gateway; our code where it hangs up on what we show, empty where that is not why.

        `protocols`: those of ALPN. Takes 9 s at most.
        """
        return self.likeliest_fault() if self._is_hung_up_on(address, protocols) else ""

    def likeliest_fault(self) -> str:
        """Return why what we show is refused, as far as we can see ourselves."""
        ends = self.ends()
        if ends is None:
            return MISSING
        return EXPIRED if self.now() >= ends else REFUSED

    def _is_hung_up_on(self, address: str, protocols: tuple[str, ...]) -> bool:
        context = ssl.create_default_context(cafile=str(self.ca))
        context.set_alpn_protocols(list(protocols))
        self.show_in(context)
        host, _, port = address.rpartition(":")
        with suppress(OSError):
            raw = socket.create_connection((host.strip("[]"), int(port)), PROBE_SECONDS)
            with raw, context.wrap_socket(raw, server_hostname=server_name("card_gateway")) as tls:
                return _ends_without_a_byte(tls)
        return False


def _ends_without_a_byte(tls: ssl.SSLSocket) -> bool:
    try:
        return tls.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:  # an alert, or a reset
        return True
