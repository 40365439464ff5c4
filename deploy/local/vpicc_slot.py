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
INSERT_WITHIN = 45.0
"""Seconds an insert waits for its reader."""
SEEN_WITHIN = 2.0
"""Seconds between the connection and pcscd's powering of a new card."""
EMPTY_FOR = 0.6
"""Seconds a slot stays empty between two cards: pcscd looks every 0.4 s, and a card that follows one lost in
mid-script faster than that, faster than any person, is never powered."""
MAX_MESSAGE = 65_535


class RefusedError(Exception):
    """A control request that cannot be met; the message is its code."""


class Slot:
    """One reader slot: keeps its card connected to vpcd until it is taken out or drops.

    A reader that does not listen is tried again every EMPTY_FOR seconds.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._task: asyncio.Task[None] | None = None
        self._card: FaultyCard | None = None
        self.name: str | None = None
        self._seen = asyncio.Event()
        self._empty_since = float("-inf")

    async def insert(self, name: str, card: FaultyCard) -> None:
        """Put a card in; returns once the reader has seen it. Raises RefusedError(READER_AWAY)."""
        give_up = asyncio.get_running_loop().time() + INSERT_WITHIN
        while not await self._put_in(name, card):
            await self.remove()
            if asyncio.get_running_loop().time() > give_up:
                raise RefusedError("READER_AWAY")

    async def _put_in(self, name: str, card: FaultyCard) -> bool:
        """Put a card in; True once the reader has powered it."""
        await self.remove()
        await asyncio.sleep(self._empty_since + EMPTY_FOR - asyncio.get_running_loop().time())
        self.name, self._card = name, card
        self._task = asyncio.create_task(self._stay())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._seen.wait(), SEEN_WITHIN)
        return self._seen.is_set()

    def swap(self, name: str, card: FaultyCard) -> None:
        """Put another card in the place of the one that is in, unseen by the reader."""
        if self._card is None:
            raise RefusedError("NO_CARD")
        self.name, self._card = name, card

    async def remove(self) -> None:
        """Take the card out, if there is one."""
        task, self._task = self._task, None
        self.name = self._card = None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._seen.clear()

    async def _stay(self) -> None:
        loop = asyncio.get_running_loop()
        while self._card is not None:
            with socket.socket() as wire:
                wire.setblocking(False)
                try:
                    await loop.sock_connect(wire, (self._host, self._port))
                    await self._serve(wire)
                except Dropped:
                    self.name = self._card = None
                    return
                except OSError:
                    pass
                finally:
                    self._power_off()
                    self._empty_since = loop.time()
            await asyncio.sleep(EMPTY_FOR)

    async def _serve(self, wire: socket.socket) -> None:
        """Answer vpcd until it closes. Raises OSError, Dropped.

        Only power says that the reader has seen this card: a connection waits in a backlog, and a pcscd that
        missed the gap between two cards asks for the ATR and no more.
        """
        while self._card is not None:
            message = await _receive(wire)
            if message == bytes([POWER_ON]):
                self._seen.set()
            if len(message) > 1:
                await _send(wire, await _answer(wire, self._card, message))
            elif message[0] == GET_ATR:
                await _send(wire, ATR)
            elif message[0] in (POWER_OFF, POWER_ON, RESET):
                self._power_off()

    def _power_off(self) -> None:
        if self._card is not None:
            self._card.card.power_off()


async def _answer(wire: socket.socket, card: FaultyCard, apdu: bytes) -> bytes:
    try:
        answer = card.transmit(apdu)[:MAX_MESSAGE]
    except Dropped as dropped:
        if dropped.sent is not None:
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(wire, (len(dropped.sent) + 2).to_bytes(2, "big") + dropped.sent)
        raise
    if not answer:
        # vpcd waits for ever on a length of 0; a link that drops is what gives its client an empty answer.
        raise ConnectionResetError
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
