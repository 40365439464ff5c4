"""One reader slot of `vpcd`: the wire between a virtual card and the real PC/SC service.

vpcd's protocol: two bytes of length, then an APDU, or one byte that means off, on, reset or "your ATR".
vpcd asks for the ATR every 0.4 s, also amid use, and takes the card for gone when the answer is late.
"""

import asyncio
import contextlib
import socket

from deploy.local.virtual_card import Dropped, FaultyCard
from deploy.local.virtual_card.card import ATR

POWER_OFF, POWER_ON, RESET, GET_ATR = 0, 1, 2, 4  # one-byte messages of vpcd
RETRY_AFTER = 0.1
"""Seconds between two tries to reach a reader that does not listen."""
INSERT_WITHIN = 10.0
"""Seconds an insert waits for its reader."""
MAX_MESSAGE = 65_535


class RefusedError(Exception):
    """A control request that cannot be met; the message is its code."""


class Slot:
    """One reader slot: keeps its card connected to vpcd until it is taken out or drops."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._task: asyncio.Task[None] | None = None
        self.name: str | None = None
        self._connected = asyncio.Event()

    async def insert(self, name: str, card: FaultyCard) -> None:
        """Put a card in; returns once vpcd has accepted it. Raises RefusedError(READER_AWAY)."""
        await self.remove()
        self.name = name
        self._task = asyncio.create_task(self._stay(card))
        try:
            await asyncio.wait_for(self._connected.wait(), INSERT_WITHIN)
        except TimeoutError:
            await self.remove()
            raise RefusedError("READER_AWAY") from None

    async def remove(self) -> None:
        """Take the card out, if there is one."""
        task, self._task, self.name = self._task, None, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._connected.clear()

    async def _stay(self, card: FaultyCard) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with socket.socket() as wire:
                wire.setblocking(False)
                try:
                    await loop.sock_connect(wire, (self._host, self._port))
                    self._connected.set()
                    await _serve(wire, card)
                except Dropped:
                    self.name = None
                    return
                except OSError:
                    pass
                finally:
                    card.card.power_off()
            await asyncio.sleep(RETRY_AFTER)


async def _serve(wire: socket.socket, card: FaultyCard) -> None:
    """Answer vpcd until it closes. Raises OSError, Dropped."""
    while True:
        message = await _receive(wire)
        if len(message) > 1:
            await _send(wire, await _answer(wire, card, message))
        elif message[0] == GET_ATR:
            await _send(wire, ATR)
        elif message[0] in (POWER_OFF, POWER_ON, RESET):
            card.card.power_off()


async def _answer(wire: socket.socket, card: FaultyCard, apdu: bytes) -> bytes:
    try:
        answer = card.transmit(apdu)[:MAX_MESSAGE]
    except Dropped as dropped:
        if dropped.sent is not None:
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(wire, (len(dropped.sent) + 2).to_bytes(2, "big") + dropped.sent)
        raise
    if card.delay:
        await asyncio.sleep(card.delay)
    return answer


async def _receive(wire: socket.socket) -> bytes:
    length = int.from_bytes(await _exactly(wire, 2), "big")
    return await _exactly(wire, length) if length else await _receive(wire)


async def _exactly(wire: socket.socket, count: int) -> bytes:
    loop, got = asyncio.get_running_loop(), b""
    while len(got) < count:
        # vpcd writes length and data apart: without this each APDU waits 40 ms for a delayed ACK.
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        chunk = await loop.sock_recv(wire, count - len(got))
        if not chunk:
            raise ConnectionResetError
        got += chunk
    return got


async def _send(wire: socket.socket, data: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(
        wire, len(data[:MAX_MESSAGE]).to_bytes(2, "big") + data[:MAX_MESSAGE]
    )
