"""A proxy as offices have them: asked with CONNECT, it resolves names itself, and spoils what it is told."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Literal, Self

H2_OFFERED = b"\x02h2"
"""As a TLS ClientHello offers HTTP/2 (ALPN, RFC 7301): the one thing of it that a box on the way can see."""


class ConnectProxy:
    """Every name is this machine to it."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        """`host:port` of every CONNECT."""
        self.logins: list[str] = []
        """Proxy-Authorization of each, empty where there was none."""
        self.refuses = 0
        """The status of its refusal; 0: it lets through."""
        self.spoils: Literal["", "closes", "swallows"] = ""
        """What it does to HTTP/2."""
        self.silence = 3600.0
        """Seconds without a byte after which it cuts a connection."""
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await asyncio.sleep(0)

    def cut(self) -> None:
        """Cut every connection."""
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            await self._through(reader, writer)
        self._open.discard(writer)
        writer.transport.abort()

    async def _through(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        target = head.split()[1]
        headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        self.asked.append(target)
        self.logins.append(headers.get("proxy-authorization", ""))
        if self.refuses:
            writer.write(f"HTTP/1.1 {self.refuses} No\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        hello = await reader.read(65536)
        if self.spoils and H2_OFFERED in hello:
            while self.spoils == "swallows" and await reader.read(65536):
                pass
            return
        there, onwards = await asyncio.open_connection("127.0.0.1", int(target.rpartition(":")[2]))
        self._open.add(onwards)
        onwards.write(hello)
        await self._both_ways((reader, onwards), (there, writer))
        self._open.discard(onwards)
        onwards.transport.abort()

    async def _both_ways(self, *ways: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        """Carry bytes until one side ends or both are silent for too long."""
        loop = asyncio.get_running_loop()
        heard = loop.time()

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal heard
            while data := await reader.read(65536):
                heard = loop.time()
                writer.write(data)
                await writer.drain()

        carrying = [asyncio.ensure_future(carry(*way)) for way in ways]
        while not any(one.done() for one in carrying) and loop.time() - heard < self.silence:
            await asyncio.wait(carrying, timeout=0.1, return_when=asyncio.FIRST_COMPLETED)
        for one in carrying:
            one.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)
