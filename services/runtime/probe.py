"""Ask a process of this pod whether it serves: Kubernetes' probe of a listener that wants mTLS.

`python -m services.runtime.probe PROCESS HOST:PORT FOLDER [alive]`; FOLDER holds `ca.crt`, `tls.crt` and
`tls.key` (a Kubernetes TLS secret), the process's own. `alive`: whether it runs, though it may not serve
yet. Exit: 0 serving, 1 not. It reads no
environment, imports nothing but gRPC and its health messages, and so starts fast (docs/adr/0001).
"""

import sys
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.runtime.grpc_tls import TlsFiles, server_name

DEADLINE_SECONDS = 2.0
"""Less than the `timeoutSeconds` of every probe in deploy/k8s, so that the answer is ours."""


def serves(process: str, address: str, tls: TlsFiles, asked: str = "") -> bool:
    """Tell whether the process at the address shows its own certificate and says SERVING in time."""
    options = [
        ("grpc.ssl_target_name_override", server_name(process)),
        ("grpc.enable_http_proxy", 0),
        ("grpc.enable_retries", 0),
    ]
    with grpc.secure_channel(address, tls.channel_credentials(), options) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(service=asked), timeout=DEADLINE_SECONDS)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def main(arguments: list[str]) -> int:
    """Return the exit status; a wrong command line is 2, a missing file ends with its error."""
    if len(arguments) not in (3, 4) or arguments[3:] not in ([], ["alive"]):
        print("usage: python -m services.runtime.probe PROCESS HOST:PORT FOLDER [alive]", file=sys.stderr)
        return 2
    process, address, folder = arguments[0], arguments[1], Path(arguments[2])
    tls = TlsFiles(folder / "ca.crt", folder / "tls.crt", folder / "tls.key")
    return 0 if serves(process, address, tls, *arguments[3:]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
