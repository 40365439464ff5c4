"""Kafka's address, and in a cluster the certificate by which it knows us.

With a certificate the brokers' names are verified, and each process is a principal of its own
with its own rights (quality S28, S39); without one the connection is plain, for one machine.
"""

import ssl
from dataclasses import dataclass
from typing import Any

from services.runtime.grpc_tls import TlsFiles


@dataclass(frozen=True)
class Brokers:
    """Where the brokers are (`host:port`, comma-separated) and the files that say who we are."""

    bootstrap_servers: str
    tls: TlsFiles | None = None

    def context(self) -> ssl.SSLContext | None:
        """Return the TLS context, or None for plain connections. Raises OSError for a bad file."""
        if self.tls is None:
            return None
        context = ssl.create_default_context(cafile=self.tls.ca)
        context.load_cert_chain(self.tls.certificate, self.tls.key)
        return context


def client_options(brokers: Brokers | str) -> dict[str, Any]:
    """Return the arguments by which any aiokafka client reaches the brokers."""
    if isinstance(brokers, str):
        brokers = Brokers(brokers)
    context = brokers.context()
    plain = {"bootstrap_servers": brokers.bootstrap_servers}
    return plain if context is None else plain | {"security_protocol": "SSL", "ssl_context": context}
