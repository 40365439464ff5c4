"""Which way to the gateway: gRPC where HTTP/2 gets through, else HTTPS/1.1, found out without a setting.

What worked is kept. While it is the second best, the better one is tried again now and then, beside the
calls. The session does not notice a change: every call says whose it is, and the same call twice is one.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from google.protobuf.message import Message

from services.agent.enrolment import Enrolment
from services.agent.over_grpc import OverGrpc
from services.agent.over_https import OverHttps
from services.agent.proxies import proxy_for
from services.agent.settings import AgentSettings
from services.agent.transport import A, Method, Transport
from services.runtime import logs
from services.runtime.errors import Unanswered

AGAIN_FIRST, AGAIN_LAST = 30.0, 900.0
"""Seconds until the better way is tried again: doubling, since what spoils it mostly stays where it is."""
FAILURES = 2
"""Calls in a row that the second best way may lose before both are looked at anew."""

log = logs.logger("ways")


class Better(Transport, Protocol):
    """A transport that can tell beforehand whether it works."""

    async def gets_through(self) -> bool:
        """Tell whether a whole call gets there and back in time."""
        ...


class Ways:
    """A transport that goes one way or the other."""

    def __init__(self, better: Better, other: Transport, now: Callable[[], float] = time.monotonic) -> None:
        self._better, self._other, self._now = better, other, now
        self._chosen: Transport | None = None
        self._choosing = asyncio.Lock()
        self._failures = 0
        self._wait = AGAIN_FIRST
        self._again_at = 0.0
        self._trying: asyncio.Task[None] | None = None

    async def call(self, method: Method[A], request: Message, seconds: float) -> A:
        """Make one call, within its time. Raises ServiceError, Unanswered."""
        way = await self._way()
        try:
            answer = await way.call(method, request, seconds)
        except Unanswered:
            self._lost(way)
            raise
        self._failures = 0
        return answer

    async def close(self) -> None:
        """Hang up."""
        if self._trying is not None:
            self._trying.cancel()
            with suppress(asyncio.CancelledError):
                await self._trying
        await self._better.close()
        await self._other.close()

    async def _way(self) -> Transport:
        async with self._choosing:
            if self._chosen is None:
                self._choose(self._better if await self._better.gets_through() else self._other)
            elif self._chosen is self._other and self._now() >= self._again_at and self._trying is None:
                self._trying = asyncio.create_task(self._try_better())
            return self._chosen or self._better

    def _choose(self, way: Transport) -> None:
        self._chosen, self._failures = way, 0
        self._again_at = self._now() + self._wait
        log.info("way_chosen", way="grpc" if way is self._better else "https")

    def _lost(self, way: Transport) -> None:
        """A call got no answer: the better way is looked at before its next call, the other one later."""
        self._failures += 1
        if way is self._chosen and (way is self._better or self._failures >= FAILURES):
            self._chosen = None

    async def _try_better(self) -> None:
        if await self._better.gets_through():
            self._wait = AGAIN_FIRST
            self._choose(self._better)
        else:
            self._wait = min(AGAIN_LAST, self._wait * 2)
            self._again_at = self._now() + self._wait
        self._trying = None


def is_proxied(settings: AgentSettings, address: str) -> bool:
    """Tell whether the gateway's address, host:port, is reached through a proxy by these settings."""
    return bool(proxy_for(address, settings.HTTPS_PROXY, settings.NO_PROXY))


def way_of(settings: AgentSettings) -> Transport:
    """Return what carries calls by these settings."""

    def proxy(address: str) -> str:
        return proxy_for(address, settings.HTTPS_PROXY, settings.NO_PROXY)

    grpc_at, https_at, enrolment = (
        settings.CARD_GATEWAY_ADDRESS,
        settings.CARD_GATEWAY_HTTPS_ADDRESS,
        Enrolment.of(settings),
    )
    if settings.CARD_GATEWAY_TRANSPORT == "https":
        return OverHttps(https_at, enrolment, proxy(https_at))
    if https_at and proxy(grpc_at).startswith("https:"):  # gRPC speaks to no proxy over TLS
        return OverHttps(https_at, enrolment, proxy(https_at))
    better = OverGrpc(grpc_at, enrolment, proxy(grpc_at))
    if settings.CARD_GATEWAY_TRANSPORT == "grpc" or not https_at:
        return better
    return Ways(better, OverHttps(https_at, enrolment, proxy(https_at)))
