"""While the vault may be an old copy every call answers, and no secret moves."""

from collections.abc import Awaitable

import pytest

from services.card_gateway.domain.journal import RowState
from services.card_gateway.domain.words import Reason
from services.card_gateway.use_cases.orders import Order
from services.runtime.errors import ServiceError
from tests.ports.card_gateway.world import (
    NEW_PINS,
    Agent,
    Page,
    Reader,
    World,
    authorised,
    card_in_reader,
    session_with_card,
)


@pytest.fixture
async def reader(world: World) -> Reader:
    reader, line = card_in_reader()
    await world.import_line(line)
    return reader


def behind(world: World, yes: bool = True) -> None:
    world.freshness.is_current = not yes  # type: ignore[misc]


async def refused(call: Awaitable[object]) -> None:
    with pytest.raises(ServiceError, match="VAULT_BEHIND") as error:
        await call
    assert error.value.retryable


async def test_F34_a_card_waits_with_its_code_and_goes_on_by_itself(world: World, reader: Reader) -> None:
    behind(world)
    agent, page = await session_with_card(world, reader)
    assert await page.state() == ("ATTACHED", "VAULT_BEHIND")
    assert [type(each).__name__ for each in await world.events()] == ["SessionStarted"]

    behind(world, False)
    world.clock.advance(seconds=5)
    await agent.work()
    assert await page.state() == ("CARD_READ", "")


async def test_F34_no_grant_is_spent_and_no_pin_is_taken(world: World, reader: Reader) -> None:
    agent, page = await session_with_card(world, reader)
    grant = page.unlock_grant()
    behind(world)
    await refused(page.authorise(grant))
    behind(world, False)
    assert await page.authorise(grant) == ""

    behind(world)
    await refused(page.reset_pin(NEW_PINS[0]))
    behind(world, False)
    assert await page.reset_pin(NEW_PINS[0]) == ""
    await agent.work()
    assert await page.state() == ("SUCCESS", "")


async def test_F34_a_proof_is_kept_by_its_agent_and_no_puk_leaves(world: World, reader: Reader) -> None:
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PINS[0])
    proof = await agent.poll()
    assert isinstance(proof, Order)
    report = agent.run(proof)
    behind(world)
    await refused(agent.send(proof, report))
    assert await world.journal() == []

    behind(world, False)
    reset = await agent.send(proof, report)
    assert reset is not None
    await agent.do(reset)
    assert await page.state() == ("SUCCESS", "")


async def test_F34_a_reset_that_was_sent_is_neither_given_again_nor_judged(
    world: World, reader: Reader
) -> None:
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PINS[0])
    proof = await agent.poll()
    assert isinstance(proof, Order)
    reset = await agent.do(proof)
    assert reset is not None
    behind(world)
    await refused(agent.poll())
    report = agent.run(reset)
    await refused(agent.send(reset, report))
    world.clock.advance(seconds=71)
    assert await world.sweep() == 0
    assert [row.state for row in await world.journal()] == [RowState.SENT]

    behind(world, False)
    await agent.send(reset, report)
    assert await page.state() == ("SUCCESS", "")


async def test_I5_an_old_copy_settles_no_session(world: World, reader: Reader) -> None:
    """What it believes to be UNKNOWN may have had its last word."""
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PINS[0])
    proof = await agent.poll()
    assert isinstance(proof, Order)
    reset = await agent.do(proof)
    assert reset is not None
    agent.run(reset)
    world.clock.advance(seconds=71)
    await world.sweep()
    behind(world)
    await agent.work()
    other = await Page(world, await Agent(world, reader).attach(), reason=Reason.FORGOTTEN).start()
    await other.agent.work()

    assert await page.state() == ("UNKNOWN", "VAULT_BEHIND")
    assert await other.state() == ("ATTACHED", "VAULT_BEHIND")
    assert await world.outcomes() == [("UNKNOWN", "OUTCOME_UNKNOWN")]
