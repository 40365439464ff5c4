"""One way to call another process: mTLS, the expected name, a deadline on every call, typed errors."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc

from services.runtime import errors, tracing
from services.runtime.grpc_tls import TlsFiles, server_name

DEADLINE_SECONDS = 5.0
"""A page answers within 5 s. Source: quality F31."""

_SERVICE_CONFIG = json.dumps({
    # Every call of ours is idempotent, most by attempt_id. The throttle keeps retries below a
    # tenth of all calls while a server is down (quality F27).
    "methodConfig": [{
        "name": [{}],
        "retryPolicy": {
            "maxAttempts": 3,
            "initialBackoff": "0.1s",
            "maxBackoff": "1s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        },
    }],
    "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
})  # fmt: skip


def connect(process: str, address: str, tls: TlsFiles) -> grpc.aio.Channel:
    """Return a channel to a process of ours; it must show a certificate of that name.

    Keep the channel: a stub does not, and a channel nobody keeps is closed.
    """
    return secure_channel(server_name(process), address, tls.channel_credentials())


@dataclass(frozen=True)
class Way:
    """What lies between the two ends of a channel."""

    proxy: str = ""
    """`http://[user:password@]host:port`, asked with CONNECT; empty: none, whatever the environment says."""
    connect_seconds: float = 0.1
    """How long a connection may take to be made."""
    retries: bool = True
    """Whether the channel repeats a call that failed by itself; one that never left it is always repeated."""
    max_answer_bytes: int = 4 * 1024 * 1024
    """Longest answer that is read; the default is gRPC's own."""


INSIDE = Way()


def secure_channel(
    name: str, address: str, credentials: grpc.ChannelCredentials, way: Way = INSIDE
) -> grpc.aio.Channel:
    """Return a channel whose server must show a certificate for `name`."""
    options: list[tuple[str, Any]] = [
        ("grpc.ssl_target_name_override", name),
        *([("grpc.service_config", _SERVICE_CONFIG)] if way.retries else []),
        ("grpc.enable_retries", 1),
        ("grpc.max_receive_message_length", way.max_answer_bytes),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", round(way.connect_seconds * 1000)),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.enable_http_proxy", int(bool(way.proxy))),
        *([("grpc.http_proxy", way.proxy)] if way.proxy else []),
    ]
    return grpc.aio.secure_channel(address, credentials, options=options, interceptors=[_EveryCall()])


class _EveryCall(grpc.aio.UnaryUnaryClientInterceptor):
    """Sets the deadline, hands on the trace, and turns RPC errors into ours."""

    async def intercept_unary_unary(
        self,
        continuation: Callable[[grpc.aio.ClientCallDetails, Any], Any],
        details: grpc.aio.ClientCallDetails,
        request: Any,
    ) -> Any:
        metadata = list(details.metadata or ())
        if traceparent := tracing.current():
            metadata.append(("traceparent", traceparent))
        changed = grpc.aio.ClientCallDetails(
            method=details.method,
            timeout=DEADLINE_SECONDS if details.timeout is None else details.timeout,
            metadata=grpc.aio.Metadata(*metadata),
            credentials=details.credentials,
            wait_for_ready=details.wait_for_ready,
        )
        try:
            return await (await continuation(changed, request))
        except grpc.aio.AioRpcError as error:
            raise errors.from_rpc(error) from None
