"""Who is there is known without a commit a call, and each page hears of its reader."""

from services.card_gateway.domain.readers import ReaderState
from services.runtime import faults
from tests.ports.card_gateway.world import Agent, Page, World, card_in_reader


async def commits_of(world: World, seconds: int, every: int) -> int:
    """Commits of an agent's polls in so many seconds, notes included."""
    reader, _ = card_in_reader()
    agent = await Agent(world, reader).attach()
    reader.present = False
    await Page(world, agent).start()
    reached: list[str] = []
    faults.act = reached.append
    try:
        for _ in range(seconds // every):
            await agent.poll()
            await world.gateway.attendance.note()
            world.clock.advance(seconds=every)
    finally:
        faults.act = lambda point: None
    return len([point for point in reached if point.endswith(".after_commit")])


async def test_P5_sixty_polls_in_a_minute_are_written_down_six_times(world: World) -> None:
    assert await commits_of(world, seconds=60, every=1) <= 7


async def test_a_reader_that_changes_is_written_at_once_for_every_replica(world: World) -> None:
    reader, _ = card_in_reader()
    agent = await Agent(world, reader).attach()
    page = await Page(world, agent).start()
    other = world.replica()
    await world.gateway.agents.next_step(agent.session_id, agent.token, ReaderState.TWO_CARDS, 0)
    await world.gateway.attendance.note()

    seen = await other.pages.get_session(page.session_id, page.claim, 0, 0)
    assert seen.reader is ReaderState.TWO_CARDS
