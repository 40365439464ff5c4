"""The gateway's books on both databases: the whole way, many at once, several replicas."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

import pytest
from sqlalchemy.exc import IntegrityError

from services.card_gateway.composition import Gateway
from services.card_gateway.domain.journal import Rotation, RowState
from services.card_gateway.domain.readers import ReaderState
from services.card_gateway.domain.words import Reason
from services.card_gateway.use_cases.claiming import Caller, Claimed, Pairing
from services.card_gateway.use_cases.orders import Order
from services.runtime.database import Database
from tests.ports.at_once import at_once as all_at_once
from tests.ports.card_gateway.world import (
    CARD_REF,
    NEW_PINS,
    Agent,
    Page,
    World,
    authorised,
    card_in_reader,
    padded,
    session_with_card,
)

PARALLEL = 24


@pytest.fixture
async def replicas(world: World) -> AsyncIterator[list[Gateway]]:
    """Two gateways on one database, each with connections of its own."""
    other = Database(world.database.engine.url.render_as_string(hide_password=False))
    yield [world.gateway, world.replica(other)]
    await other.close()


async def at_once(call: Callable[[int], Awaitable[object]]) -> list[object]:
    """Run one call many times at once, each as the server runs it."""
    return await all_at_once(partial(call, number) for number in range(PARALLEL))


async def test_the_whole_way_on_both_databases(world: World) -> None:
    reader, line = card_in_reader()
    assert await world.import_line(line) == []
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PINS[0])
    await agent.work()

    assert await page.state() == ("SUCCESS", "")
    assert reader.eeprom.pin == padded(NEW_PINS[0])
    assert await world.puks_possible() == {reader.eeprom.puk}
    assert await world.outcomes() == [("SUCCESS", "")]


async def test_S13_many_pages_claim_a_session_and_one_has_it(world: World, replicas: list[Gateway]) -> None:
    reader, _ = card_in_reader()
    agent = await Agent(world, reader).attach()
    attempts = [world.randomness.uuid7() for _ in range(PARALLEL)]

    def claim(number: int) -> Awaitable[object]:
        pairing = Pairing(address_token=agent.offer.token)
        return replicas[number % 2].claiming.start_session(
            pairing, Caller(Reason.LOCKED), attempts[number], ""
        )

    answers = await at_once(claim)

    assert Counter(isinstance(answer, Claimed) for answer in answers) == {True: 1, False: PARALLEL - 1}


async def test_S32_one_grant_authorises_once_across_replicas(world: World, replicas: list[Gateway]) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    _, page = await session_with_card(world, reader)
    unlock = world.otp.sign(page.unlock_grant())
    holder = world.identity.sign(page.holder_grant())
    attempts = [world.randomness.uuid7() for _ in range(PARALLEL)]

    def authorise(number: int) -> Awaitable[object]:
        pages = replicas[number % 2].pages
        return pages.authorise(page.session_id, page.claim, unlock, holder, attempts[number])

    answers = await at_once(authorise)

    assert Counter(answers) == {"": 1, "WRONG_STATE": PARALLEL - 1}
    assert len(await world.events("SessionAuthorised")) == 1


async def test_S32_a_spent_grant_stays_spent(world: World) -> None:
    async def spend(_: int) -> object:
        async with world.gateway.outside.books.begin("test.spend") as work:
            return await work.spend("a-jti", "a-session", world.clock.now())

    assert Counter(await at_once(spend)) == {True: 1, False: PARALLEL - 1}


async def test_the_same_attempt_at_once_makes_one_session(world: World, replicas: list[Gateway]) -> None:
    reader, _ = card_in_reader()
    agent, attempt = Agent(world, reader), world.randomness.uuid7()

    def attach(number: int) -> Awaitable[object]:
        return replicas[number % 2].agents.attach(agent.public_key, ReaderState.CARD, attempt)

    answers = await at_once(attach)

    assert len({answer.session.session_id for answer in answers}) == 1  # type: ignore[attr-defined]
    assert len({answer.agent_token for answer in answers}) == 1  # type: ignore[attr-defined]


async def test_many_reports_of_one_reset_make_one_outcome(world: World, replicas: list[Gateway]) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PINS[0])
    proof = await agent.poll()
    assert isinstance(proof, Order)
    reset = await agent.do(proof)
    assert reset is not None
    report = agent.run(reset)

    def hand_in(number: int) -> Awaitable[object]:
        agents = replicas[number % 2].agents
        return agents.report_step(agent.session_id, agent.token, reset.step.step_id, report)

    await at_once(hand_in)

    assert await page.state() == ("SUCCESS", "")
    assert await world.outcomes() == [("SUCCESS", "")]
    assert (await world.secret()).version == 1


async def test_many_fetches_give_one_reset_and_release_is_told_once(
    world: World, replicas: list[Gateway]
) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PINS[0])
    proof = await agent.poll()
    assert isinstance(proof, Order)
    report = agent.run(proof)

    def prove(number: int) -> Awaitable[object]:
        agents = replicas[number % 2].agents
        return agents.report_step(agent.session_id, agent.token, proof.step.step_id, report)

    orders = await at_once(prove)

    assert len({order.step.step_id for order in orders}) == 1  # type: ignore[attr-defined]
    assert len({order.script for order in orders}) == 1  # type: ignore[attr-defined]
    assert len(await world.events("SecretReleased")) == 1
    assert [row.state for row in await world.journal()] == [RowState.SENT]


async def test_I3_the_database_refuses_a_second_open_row_of_a_card(world: World) -> None:
    now = world.clock.now()
    first = Rotation("row-1", CARD_REF, "session-1", 0, "k1", 1, "k1", RowState.UNKNOWN, now)
    second = Rotation("row-2", CARD_REF, "session-2", 0, "k1", 2, "k1", RowState.PREPARED, now)
    async with world.gateway.outside.books.begin("test.first") as work:
        await work.put_rotation(first)

    with pytest.raises(IntegrityError):
        async with world.gateway.outside.books.begin("test.second") as work:
            await work.put_rotation(second)


async def test_a_page_at_one_replica_hears_what_another_changed(
    world: World, replicas: list[Gateway]
) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    agent = await Agent(world, reader).attach()
    page = await Page(world, agent).start()
    version = (await page.see()).session.version
    waiting = asyncio.create_task(
        replicas[1].pages.get_session(page.session_id, page.claim, since=version, wait=20)
    )
    await asyncio.sleep(0)
    await agent.work()
    async with asyncio.timeout(60):
        while not waiting.done():
            await replicas[1].others.look()
            await asyncio.sleep(0.01)

    assert (await waiting).session.state.value == "CARD_READ"
