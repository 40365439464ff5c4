"""Long polls: whoever waits hears at once, and waiting costs no connection."""

import asyncio

from services.card_gateway.domain.readers import ReaderState
from tests.ports.card_gateway.world import Agent, Page, World, card_in_reader


async def test_a_page_that_waits_hears_of_its_reader(world: World) -> None:
    reader, _ = card_in_reader()
    reader.present = False
    agent = await Agent(world, reader).attach()
    page = await Page(world, agent).start()
    version = (await page.see()).session.version
    waiting = asyncio.create_task(
        world.gateway.pages.get_session(page.session_id, page.claim, since=version, wait=20)
    )
    await asyncio.sleep(0)
    await world.gateway.agents.next_step(agent.session_id, agent.token, ReaderState.TWO_CARDS, 0)
    await world.gateway.attendance.note()
    async with asyncio.timeout(15):
        seen = await waiting

    assert seen.reader is ReaderState.TWO_CARDS
    assert seen.session.version > version


async def test_an_agent_in_a_poll_hears_at_once_that_it_was_claimed(world: World) -> None:
    reader, _ = card_in_reader()
    agent = await Agent(world, reader).attach()
    waiting = asyncio.create_task(
        world.gateway.agents.next_step(agent.session_id, agent.token, ReaderState.CARD, 25)
    )
    await asyncio.sleep(0.01)
    assert not waiting.done()
    await Page(world, agent).start()
    async with asyncio.timeout(15):
        found = await waiting

    assert type(found).__name__ == "Order"


async def test_waiting_holds_no_connection(world: World) -> None:
    """More agents wait than the pool has connections, and a call is still answered."""
    reader, _ = card_in_reader()
    agents = [await Agent(world, reader).attach() for _ in range(40)]
    polls = [
        asyncio.create_task(
            world.gateway.agents.next_step(agent.session_id, agent.token, ReaderState.NO_CARD, 20)
        )
        for agent in agents
    ]
    async with asyncio.timeout(10):
        await Page(world, agents[0]).start()
        await Agent(world, reader).attach()

    for poll in polls:
        poll.cancel()
    await asyncio.gather(*polls, return_exceptions=True)


async def test_F29_a_gateway_that_stops_lets_go_of_those_who_wait(world: World) -> None:
    reader, _ = card_in_reader()
    agent = await Agent(world, reader).attach()
    waiting = asyncio.create_task(
        world.gateway.agents.next_step(agent.session_id, agent.token, ReaderState.CARD, 25)
    )
    await asyncio.sleep(0.01)
    world.gateway.bell.close()
    async with asyncio.timeout(15):
        found = await waiting

    assert type(found).__name__ == "Idle"
