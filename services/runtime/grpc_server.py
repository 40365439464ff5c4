"""One way to serve gRPC: mTLS, access tables that fail closed, typed errors, health.

A servicer method returns its response or raises; what every call passes through on its way there
and back is in `judge`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from services.runtime import errors
from services.runtime.access import ANONYMOUS, HEALTH_METHODS, AccessTable, check_complete, process_of
from services.runtime.grpc_tls import TlsFiles
from services.runtime.judge import Call, Judge, Limits

ALIVE = "alive"
"""The name under which a probe asks whether the process runs, ready or not."""

READY_SECONDS = 1.0

MAX_MESSAGE_BYTES = 64 * 1024
"""Source: quality S42."""

Context = Any
"""grpc.aio.ServicerContext, which is generic to the type checker only."""
Handler = Callable[[Any, Context], Awaitable[Any]]
Registration = tuple[Callable[[Any, grpc.aio.Server], None], object]


class Server:
    """A gRPC server of one process; `port` is known once it has started."""

    def __init__(
        self,
        server: grpc.aio.Server,
        port: int,
        health_servicer: health.aio.HealthServicer,
        may_serve: Callable[[], bool],
    ) -> None:
        self._server = server
        self._port = port
        self._health = health_servicer
        self._may_serve = may_serve

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    async def start(self) -> None:
        """Begin to serve."""
        await self._server.start()
        await self._health.set(ALIVE, health_pb2.HealthCheckResponse.SERVING)
        await self._say_how_it_is()

    async def say_whether_ready(self) -> None:
        """Tell probes, again and again, whether the process may serve."""
        while True:
            await self._say_how_it_is()
            await asyncio.sleep(READY_SECONDS)

    async def _say_how_it_is(self) -> None:
        serving, not_serving = (
            health_pb2.HealthCheckResponse.SERVING,
            health_pb2.HealthCheckResponse.NOT_SERVING,
        )
        await self._health.set("", serving if self._may_serve() else not_serving)

    async def stop(self, grace_seconds: float) -> None:
        """Refuse new calls, let those under way end, at most for `grace_seconds`."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_seconds)


def build_server(
    process: str,
    registrations: Sequence[Registration],
    access: AccessTable,
    tls: TlsFiles,
    address: str,
    *,
    require_client_certificate: bool = True,
    client_ca: Path | None = None,
    limits: Limits | None = None,
    may_serve: Callable[[], bool] = lambda: True,
) -> Server:
    """Return a server that is ready to start.

    `may_serve`: whether calls are answered now; else they are refused, and probes hear that it is not ready.
    `client_ca`: PEM of who signs callers' certificates; None: who signs ours.
    Raises AccessTableIncomplete where an RPC has no rule, or a rule no RPC.
    """
    server = grpc.aio.server(
        interceptors=[_Guard(Judge(process, access, limits, may_serve))], options=_OPTIONS
    )
    served = _Served(server)
    for register, servicer in registrations:
        register(servicer, served)  # type: ignore[arg-type] # stands before the server to see the names
    check_complete(access, served.methods)
    health_servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    credentials = tls.server_credentials((client_ca or tls.ca) if require_client_certificate else None)
    port = server.add_secure_port(address, credentials)
    return Server(server, port, health_servicer, may_serve)


_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_metadata_size", 8 * 1024),
    ("grpc.so_reuseport", 0),
    # Half-open connections are noticed in 45 s at the latest (quality F30).
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
]


class _Served:
    """Passes registrations on to the server and remembers which RPCs they were."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server
        self.methods: set[str] = set()

    def add_generic_rpc_handlers(self, handlers: Sequence[Any]) -> None:
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        self.methods |= {f"/{service}/{method}" for method in handlers}
        # Since grpcio 1.69 the aio server takes them through the generic handlers above as well.
        self._server.add_registered_method_handlers(service, handlers)


class _Guard(grpc.aio.ServerInterceptor):
    def __init__(self, judge: Judge) -> None:
        self._judge = judge

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], details: grpc.HandlerCallDetails
    ) -> Any:
        handler = await continuation(details)
        if handler is None or details.method in HEALTH_METHODS:
            return handler
        metadata = dict(details.invocation_metadata)
        said = (str(metadata.get("traceparent", "")), str(metadata.get("x-forwarded-for", "")))
        guarded = self._guarded(details.method, handler.unary_unary, *said)
        return grpc.unary_unary_rpc_method_handler(
            guarded,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _guarded(self, method: str, handle: Handler, traceparent: str, forwarded: str) -> Handler:
        async def run(request: Message, context: Context) -> Any:
            caller = process_of(context.auth_context().get("x509_subject_alternative_name", ()))
            source = self._judge.source(address_of(context.peer()), forwarded)
            call = Call(method, caller, traceparent, source)
            try:
                return await self._judge.answer(call, request, lambda: handle(request, context))
            except errors.ServiceError as error:
                await context.abort_with_status(errors.to_status(error))

        return run


def address_of(peer: str) -> str:
    """Return the address in gRPC's own words for the other side, such as `ipv6:%5B::1%5D:50000`."""
    host = unquote(peer.partition(":")[2]).rpartition(":")[0]
    return host.strip("[]")


__all__ = ["ANONYMOUS", "Server", "build_server"]
