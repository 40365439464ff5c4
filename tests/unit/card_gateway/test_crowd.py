"""A flood of offers: no more than a bound are on offer, and whoever unlocks is served first."""

import pytest
from sqlalchemy import update

from services.card_gateway import tables
from services.card_gateway.crowd import COUNTED_FOR, SqlCrowd
from services.card_gateway.domain.readers import ReaderState
from services.card_gateway.use_cases import sweeping
from services.runtime import faults
from services.runtime.errors import GATEWAY_BUSY, ServiceError
from tests.ports.card_gateway.world import NEW_PINS, Agent, Page, World, authorised, card_in_reader

SECONDS = COUNTED_FOR.total_seconds()


def crowded(world: World, most: int) -> None:
    object.__setattr__(world.gateway.outside, "crowd", SqlCrowd(world.database, world.clock, most))


async def offers(world: World, count: int) -> list[Agent]:
    reader, _ = card_in_reader()
    return [await Agent(world, reader).attach() for _ in range(count)]


async def test_beyond_the_bound_nobody_attaches_until_there_is_room(world: World) -> None:
    crowded(world, 3)
    first, *_ = await offers(world, 3)
    with pytest.raises(ServiceError, match=GATEWAY_BUSY) as busy:
        await offers(world, 1)
    assert (busy.value.retryable, busy.value.retry_after) == (True, 30)

    await Page(world, first).start()
    world.clock.advance(seconds=SECONDS)

    await offers(world, 1)


async def test_what_others_took_is_counted_soon(world: World) -> None:
    crowded(world, 3)
    elsewhere = world.replica()
    await offers(world, 1)
    for number in range(2):
        await elsewhere.agents.attach(bytes([number]) * 32, ReaderState.CARD, f"elsewhere-{number}")
    world.clock.advance(seconds=SECONDS)

    with pytest.raises(ServiceError, match=GATEWAY_BUSY):
        await offers(world, 1)


async def test_an_attempt_that_was_taken_is_answered_again_also_in_a_crowd(world: World) -> None:
    crowded(world, 1)
    reader, _ = card_in_reader()
    agent = Agent(world, reader)
    made = await world.gateway.agents.attach(agent.public_key, agent.facts, "attempt-1")
    again = await world.gateway.agents.attach(agent.public_key, agent.facts, "attempt-1")

    assert (again.session.session_id, again.agent_token) == (made.session.session_id, made.agent_token)


async def test_silent_offers_go_in_one_transaction_and_those_who_are_there_stay(world: World) -> None:
    silent, polling = await offers(world, 40), await offers(world, 2)
    claimed = await Page(world, silent[0]).start()
    world.clock.advance(seconds=121)
    await polling[0].poll()
    reached: list[str] = []
    before, faults.act = faults.act, reached.append
    try:
        assert await world.sweep() == 40
    finally:
        faults.act = before

    assert reached.count("card_gateway.sweep.after_commit") == 1
    assert (await claimed.state())[0] == "ATTACHED"
    await polling[0].poll()
    for gone in (silent[1], polling[1]):
        with pytest.raises(ServiceError, match="SESSION_UNKNOWN"):
            await gone.poll()
    assert await world.sweep() == 0


async def test_a_reset_that_is_late_is_ended_before_any_silent_offer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "UNCLAIMED_BATCH", 5)
    await offers(world, 12)
    reader, line = card_in_reader()
    await world.import_line(line)
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PINS[0])
    await agent.poll()
    world.clock.advance(minutes=6)
    ended: list[str] = []
    before, faults.act = faults.act, ended.append
    try:
        assert await world.sweep() == 1 + 5
    finally:
        faults.act = before

    assert await page.state() == ("AUTHORISED", "PROOF_TIMED_OUT")
    assert [await world.sweep() for _ in range(3)] == [5, 2, 0]


async def test_an_offer_that_another_replica_heard_of_meanwhile_stays(world: World) -> None:
    """What was chosen is judged again in the statement that deletes it."""
    [agent] = await offers(world, 1)
    world.clock.advance(seconds=121)
    now = world.clock.now()
    async with world.database.begin("test.seen") as connection:
        await connection.execute(update(tables.sessions).values(seen_at=now))
    async with world.gateway.outside.books.begin("test.sweep") as work:
        assert await work.delete_unclaimed([agent.session_id], now.replace(second=0)) == 0

    await agent.poll()
