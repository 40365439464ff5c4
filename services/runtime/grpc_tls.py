"""Certificates of the two ends of a call (mTLS), read from files."""

from dataclasses import dataclass
from pathlib import Path

import grpc


@dataclass(frozen=True)
class TlsFiles:
    """A certificate authority, and the certificate and key of this process; PEM."""

    ca: Path
    certificate: Path
    key: Path

    def server_credentials(self, client_ca: Path | None) -> grpc.ServerCredentials:
        """Return credentials that ask every client for a certificate of these authorities, or none at all."""
        pair = [(self.key.read_bytes(), self.certificate.read_bytes())]
        if client_ca is None:
            return grpc.ssl_server_credentials(pair)
        return grpc.ssl_server_credentials(pair, client_ca.read_bytes(), require_client_auth=True)

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """Return credentials that show our certificate and trust our authority only."""
        return grpc.ssl_channel_credentials(
            self.ca.read_bytes(), self.key.read_bytes(), self.certificate.read_bytes()
        )


def server_name(process: str) -> str:
    """Return the DNS name in a process's certificate, such as `card-gateway`."""
    return process.replace("_", "-")
