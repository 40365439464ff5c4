"""The same RPCs as POST over HTTPS/1.1, for callers between whom and us something spoils HTTP/2.

`POST /<package>.<Service>/<Method>`, protobuf in and out (`application/x-protobuf`). An error is a
google.rpc.Status with its code in ErrorInfo, as over gRPC. Servicers, access table and `judge` are those of
the gRPC listener; here is only how a call is carried. Without `client_ca` it asks for no certificate, and
every caller is anonymous.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import uvicorn
from google.protobuf.message import DecodeError, Message

from services.runtime import errors
from services.runtime.access import AccessTable, check_complete, process_of
from services.runtime.grpc_server import MAX_MESSAGE_BYTES, Registration
from services.runtime.grpc_tls import TlsFiles
from services.runtime.http_listener import CALLER_NAMES, HttpListener
from services.runtime.judge import Call, Judge, Limits

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

PROTOBUF = "application/x-protobuf"
BODY_SECONDS = 10.0
"""Longest time for a whole request to arrive. Source: quality S43."""
KEEP_SECONDS = 60
"""How long a connection is kept without a request; the pause between two long polls is far below."""
HEADER_BYTES = 8 * 1024
"""As many as over gRPC. Source: quality S42."""

HTTP_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNAVAILABLE: 503,
}
"""Any other is 500. Source: google/rpc/code.proto."""


def build_https_server(
    process: str,
    registration: Registration,
    access: AccessTable,
    tls: TlsFiles,
    address: str,
    *,
    client_ca: Path | None = None,
    limits: Limits | None = None,
    most_connections: int | None = None,
) -> HttpListener:
    """Return a listener that is ready to start; a connection beyond `most_connections` is cut.

    `client_ca`: PEM of the authorities of which every caller must show a certificate.

    Raises AccessTableIncomplete where an RPC has no rule, or a rule no RPC.
    """
    host, _, port = address.rpartition(":")
    config = uvicorn.Config(
        PostedCalls(process, registration, access, limits),
        host=host,
        port=int(port),
        ssl_certfile=tls.certificate,
        ssl_keyfile=tls.key,
        ssl_ca_certs=str(client_ca) if client_ca else None,
        ssl_cert_reqs=ssl.CERT_REQUIRED if client_ca else ssl.CERT_NONE,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_SECONDS,
        limit_concurrency=most_connections,
        h11_max_incomplete_event_size=HEADER_BYTES,
        ws="none",
        lifespan="off",
    )
    return HttpListener(config)


class _Gone(Exception):
    """The caller hung up: there is nobody to answer."""


class PostedCalls:
    """The ASGI application: these paths, POST, and nothing else."""

    def __init__(
        self, process: str, registration: Registration, access: AccessTable, limits: Limits | None = None
    ) -> None:
        register, servicer = registration
        self._handlers: dict[str, Any] = {}
        register(servicer, self)  # type: ignore[arg-type] # stands where a gRPC server would
        check_complete(access, self._handlers)
        self._judge = Judge(process, access, limits)

    def add_generic_rpc_handlers(self, handlers: Sequence[Any]) -> None:
        """Called by generated code; the registered handlers below are the same ones by name."""

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Any]) -> None:
        """Called by generated code, once a service."""
        self._handlers |= {f"/{service}/{name}": handler for name, handler in handlers.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        with suppress(_Gone):
            status, body = await self._answered(scope, receive)
            headers = [
                (b"content-type", PROTOBUF.encode()),
                (b"content-length", str(len(body)).encode()),
                (b"cache-control", b"no-store"),
            ]
            if status in _UNREAD:
                headers.append((b"connection", b"close"))
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    async def _answered(self, scope: Scope, receive: Receive) -> tuple[int, bytes]:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        handler = self._handlers.get(scope["path"])
        refused = _refusal(handler, scope["method"], headers)
        if refused:
            return refused, b""
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _body(receive)
        except TimeoutError:
            return 408, b""
        if len(body) > MAX_MESSAGE_BYTES:
            return 413, b""
        try:
            connected = scope["client"][0] if scope.get("client") else ""
            source = self._judge.source(connected, headers.get("x-forwarded-for", ""))
            caller = process_of(scope.get("state", {}).get(CALLER_NAMES, ()))
            call = Call(scope["path"], caller, headers.get("traceparent", ""), source)
            answer = await _unless_gone(self._answer(call, handler, body), receive)
        except errors.ServiceError as error:
            return HTTP_STATUS.get(error.status, 500), errors.to_message(error).SerializeToString()
        return 200, answer.SerializeToString()

    async def _answer(self, call: Call, handler: Any, body: bytes) -> Message:
        try:
            request: Message = handler.request_deserializer(body)
        except DecodeError:
            raise errors.invalid() from None
        answer: Message = await self._judge.answer(call, request, lambda: handler.unary_unary(request, None))
        return answer


_UNREAD = frozenset({404, 405, 408, 413, 415, 431})
"""Answers that may come before the request's body was read: the connection must not be used again."""


def _refusal(handler: Any, method: str, headers: Mapping[str, str]) -> int:
    """Judge what needs no body; 0 where nothing is wrong."""
    if sum(len(name) + len(value) for name, value in headers.items()) > HEADER_BYTES:
        return 431
    if handler is None:
        return 404
    if method != "POST":
        return 405
    if headers.get("content-type") != PROTOBUF:
        return 415
    length = headers.get("content-length", "0")
    return 413 if not length.isdigit() or int(length) > MAX_MESSAGE_BYTES else 0


async def _body(receive: Receive) -> bytes:
    """Return the whole body, or as much of it as is too much. Raises _Gone."""
    body, more = bytearray(), True
    while more and len(body) <= MAX_MESSAGE_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        body += message["body"]
        more = message["more_body"]
    return bytes(body)


async def _hung_up(receive: Receive) -> None:
    """Return when the caller has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _unless_gone(work: Awaitable[Message], receive: Receive) -> Message:
    """Return what the work returns; end it as soon as the caller hangs up, as gRPC does. Raises _Gone."""
    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_hung_up(receive))
    try:
        await asyncio.wait([working, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise _Gone
        return working.result()
    finally:
        for one in (working, leaving):
            if not one.done():
                one.cancel()
                with suppress(asyncio.CancelledError):
                    await one
