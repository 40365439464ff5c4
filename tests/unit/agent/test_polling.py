"""A poll that is given up tells whoever gave it up what they did, not what became of the call."""

import asyncio

import pytest

from services.agent.backoff import Backoff
from services.agent.facts import Facts
from services.agent.polling import poll
from services.agent.ports import GatewayAway, Idle, Order, Over, Session
from services.agent.watch import Watch
from tests.unit.agent.world import SESSION, FakeGateway, FakeService


class GoneAsItIsGivenUp(FakeGateway):
    """Falls away in the moment in which its call is cancelled."""

    async def next_step(
        self, session: Session, facts: Facts, wait_seconds: int, *, card_left: bool = False
    ) -> Order | Idle | Over:
        try:
            return await super().next_step(session, facts, wait_seconds, card_left=card_left)
        except asyncio.CancelledError:
            raise GatewayAway("GATEWAY_AWAY") from None


def still_readers() -> Watch:
    """Return a watch that has nothing to tell."""
    return Watch(FakeService(), Backoff(1, 1, lambda: 0.5))


async def test_who_stops_a_poll_is_stopped_also_where_the_gateway_falls_away_meanwhile() -> None:
    gateway, watch = GoneAsItIsGivenUp(), still_readers()
    polling = asyncio.create_task(poll(gateway, watch, SESSION, watch.facts))
    await gateway.has_nothing.wait()
    polling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await polling


async def test_news_are_told_also_where_the_gateway_falls_away_meanwhile() -> None:
    gateway, watch, news = GoneAsItIsGivenUp(), still_readers(), asyncio.Event()
    polling = asyncio.create_task(poll(gateway, watch, SESSION, watch.facts, news))
    await gateway.has_nothing.wait()
    news.set()
    assert await polling is None
