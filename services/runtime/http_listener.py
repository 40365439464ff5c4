"""An HTTP/1.1 listener that starts and stops like any server of ours, and waits for no slow sender."""

import asyncio
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 10.0
"""From a request's first byte, or a connection's start, to the end of its headers. Source: quality S43."""


CALLER_NAMES = "caller_names"
"""In a request's `state`: the names in the certificate that TLS verified, where callers must show one."""


class HttpListener(uvicorn.Server):
    """Serves one ASGI application; `port` is known once it has started."""

    def __init__(self, config: uvicorn.Config) -> None:
        config.http = HurriedProtocol
        super().__init__(config)
        self.port = config.port
        self._serving: asyncio.Task[None] | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process."""
        yield

    async def start(self) -> None:
        """Listen; raises OSError where the address is taken, or certificate and key do not fit."""
        self.config.load()
        listener = _listening(self.config.host, self.config.port)
        self.port = listener.getsockname()[1]
        self._serving = asyncio.create_task(self.serve(sockets=[listener]))
        while not self.started:
            if self._serving.done():
                raise OSError("the address cannot be listened on")
            await asyncio.sleep(0.01)

    async def stop(self, grace_seconds: float) -> None:
        """Refuse new connections and let answers under way end."""
        self.should_exit = True
        if self._serving:
            await asyncio.wait([self._serving], timeout=grace_seconds)


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that says it is TCP: asyncio sets TCP_NODELAY on no other, and answers take 40 ms."""
    listener = socket.create_server((host, port))
    return socket.socket(listener.family, listener.type, socket.IPPROTO_TCP, listener.detach())


class HurriedProtocol(H11Protocol):
    """Closes a connection whose headers are not whole in time (slow loris); uvicorn alone never does.

    `limit_concurrency` is the most connections: one more is cut. uvicorn alone would answer 503 to the calls
    on all of them, so that whoever opens many ends what others have under way.
    """

    _due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The time for the first request begins."""
        most, self.limit_concurrency = self.limit_concurrency, None
        super().connection_made(transport)
        self.app_state = {**self.app_state, CALLER_NAMES: _names_in(transport.get_extra_info("peercert"))}
        if most is not None and len(self.connections) > most:
            transport.abort()
            return
        self._begin()

    def data_received(self, data: bytes) -> None:
        """A request's first byte begins its time, the end of its headers ends it."""
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._begin()
        else:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._end()
        super().connection_lost(exc)

    def _begin(self) -> None:
        if self._due is None:
            self._due = self.loop.call_later(HEADER_SECONDS, self.transport.close)

    def _end(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None


def _names_in(certificate: Mapping[str, Any] | None) -> tuple[bytes, ...]:
    """Return the subject's alternative names; none where no certificate was asked for."""
    names = (certificate or {}).get("subjectAltName", ())
    return tuple(value.encode() for kind, value in names if kind == "URI")
