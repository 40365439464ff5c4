"""A flood of Attach over both listeners: refused with a hint, and an unlock under way does not notice.

Real TLS, real gRPC and HTTPS/1.1, SQLite and PostgreSQL. The figures go into the run's report.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from smartcard_unlock.card_gateway.v1 import agents_pb2_grpc
from sqlalchemy import func, select

from deploy.local.keys import Keys
from services.agent.calls import GatewayCalls
from services.agent.enrolment import Enrolment
from services.agent.facts import Facts
from services.agent.over_grpc import OverGrpc
from services.agent.over_https import OverHttps
from services.agent.ports import GatewayAway
from services.agent.transport import Transport
from services.card_gateway import tables
from services.card_gateway.access import AGENT_ACCESS, ATTACH
from services.card_gateway.servicer import AgentServicer
from services.card_gateway.use_cases.sweeping import UNCLAIMED_BATCH
from services.runtime.clock import SystemClock
from services.runtime.errors import GATEWAY_BUSY
from services.runtime.grpc_server import build_server
from services.runtime.https_server import build_https_server
from services.runtime.judge import Limits
from services.runtime.rates import Rates
from tests.ports.card_gateway.test_served import tls_of
from tests.ports.card_gateway.world import (
    NEW_PINS,
    Agent,
    Reader,
    World,
    authorised,
    card_in_reader,
    padded,
)

BURST, PER_SECOND = 60, 1.0
"""Slower than strangers come on any machine, so that the burst is soon spent."""
NOBODY = Facts(service_up=True, readers=())


@dataclass
class Flooded:
    """A gateway's two listeners for agents, and what strangers were answered."""

    world: World
    grpc: str
    https: str
    keys: Keys
    answers: Counter[str] = field(default_factory=Counter)
    hints: list[float] = field(default_factory=list)

    def calls(self, transport: type) -> GatewayCalls:
        address = self.grpc if transport is OverGrpc else self.https
        carried: Transport = transport(address, Enrolment(self.keys.ca), "")
        return GatewayCalls(carried, "0.1.0", SystemClock().now)

    async def attach(self, calls: GatewayCalls) -> str:
        """One stranger's Attach; how it was answered."""
        try:
            await calls.attach(bytes(32), NOBODY, self.world.randomness.uuid7())
        except GatewayAway as away:
            self.hints.append(away.retry_after)
            return away.code
        return "OK"

    async def flood(self, calls: GatewayCalls) -> None:
        """Attach again and again, as one who honours no hint."""
        while True:
            self.answers[await self.attach(calls)] += 1


@asynccontextmanager
async def listening(world: World, keys: Keys, rates: Rates) -> AsyncIterator[Flooded]:
    servicer = AgentServicer(world.gateway.agents, "http://127.0.0.1:9")
    registration = (agents_pb2_grpc.add_AgentServiceServicer_to_server, servicer)
    tls, limits = tls_of(keys, "card_gateway"), Limits({ATTACH: rates})
    grpc = build_server(
        "card_gateway", [registration], AGENT_ACCESS, tls, "127.0.0.1:0",
        require_client_certificate=False, limits=limits,
    )  # fmt: skip
    https = build_https_server(
        "card_gateway", registration, AGENT_ACCESS, tls, "127.0.0.1:0", limits=limits, most_connections=50
    )
    await grpc.start()
    await https.start()
    yield Flooded(world, f"127.0.0.1:{grpc.port}", f"127.0.0.1:{https.port}", keys)
    await grpc.stop(0)
    await https.stop(1)


@pytest.mark.parametrize("transport", [OverGrpc, OverHttps])
async def test_S42_an_agent_hears_over_either_way_when_to_come_again(
    world: World, keys: Keys, transport: type
) -> None:
    async with listening(world, keys, Rates(2, 0.25, now=lambda: 0.0)) as flooded:
        calls = flooded.calls(transport)
        answers = [await flooded.attach(calls) for _ in range(4)]
        await calls.close()

    assert answers == ["OK", "OK", GATEWAY_BUSY, GATEWAY_BUSY]
    assert flooded.hints == [4, 8]


async def test_S42_both_ways_share_the_limit_and_other_calls_have_none(world: World, keys: Keys) -> None:
    async with listening(world, keys, Rates(1, 0.1, now=lambda: 0.0)) as flooded:
        ways = [flooded.calls(OverGrpc), flooded.calls(OverHttps)]
        assert [await flooded.attach(calls) for calls in ways] == ["OK", GATEWAY_BUSY]
        reader, _ = card_in_reader()
        agent = await Agent(world, reader).attach()
        for _ in range(3):
            assert type(await agent.poll()).__name__ == "Idle"
        for calls in ways:
            await calls.close()


async def unlocked(world: World, reader: Reader, pin: str) -> float:
    """One unlock, begun before; the seconds from the passcode to the end."""
    reader.reinsert()
    agent, page = await authorised(world, reader)
    began = time.perf_counter()
    assert await page.reset_pin(pin) == ""
    await agent.work()
    took = time.perf_counter() - began
    assert await page.state() == ("SUCCESS", "")
    assert reader.eeprom.pin == padded(pin)
    return took


async def test_F28_a_flood_of_attach_changes_nothing_for_an_unlock_under_way(
    world: World, keys: Keys, record_property: Callable[[str, object], None]
) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    quiet = await unlocked(world, reader, NEW_PINS[0])
    async with listening(world, keys, Rates(BURST, PER_SECOND)) as flooded:
        strangers = [flooded.calls(way) for way in (OverGrpc, OverHttps) for _ in range(4)]
        began = time.monotonic()
        floods = [asyncio.create_task(flooded.flood(calls)) for calls in strangers]
        async with asyncio.timeout(60):
            while flooded.answers[GATEWAY_BUSY] < 20:
                await asyncio.sleep(0.05)
        took = [await unlocked(world, reader, pin) for pin in NEW_PINS[1:4]]
        lasted = time.monotonic() - began
        for flood in floods:
            flood.cancel()
        await asyncio.gather(*floods, return_exceptions=True)
        for calls in strangers:
            await calls.close()
    async with world.database.read() as connection:
        new = select(func.count()).select_from(tables.sessions).where(tables.sessions.c.state == "NEW")
        offers = int((await connection.execute(new)).scalar_one())
    world.clock.advance(seconds=121)
    turns = 0
    while await world.sweep():
        turns += 1

    record_property(
        "figure",
        f"flood on {world.database.engine.dialect.name}: {dict(flooded.answers)} in {lasted:.1f} s, unlock "
        f"{quiet * 1000:.0f} ms alone, {[round(each * 1000) for each in took]} ms in it (strangers "
        f"in the gateway's process), {offers} offers swept in {turns} turns",
    )
    assert flooded.answers.keys() == {"OK", GATEWAY_BUSY}
    assert flooded.answers["OK"] <= offers <= BURST + PER_SECOND * (lasted + 2)
    assert min(flooded.hints) >= 1
    assert turns <= 1 + offers / UNCLAIMED_BATCH
