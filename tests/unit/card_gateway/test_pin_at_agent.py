"""PIN_ENTRY=agent: no page seals a PIN, the agent is told to ask for it, and the rest stays as it was."""

from datetime import timedelta

import pytest

from services.card_gateway.card.script import End, Report
from services.card_gateway.domain import step as steps
from services.card_gateway.domain.words import Reason
from services.card_gateway.use_cases.orders import Order
from services.runtime.errors import ServiceError
from tests.ports.card_gateway.world import (
    NEW_PINS,
    OLD_PIN,
    Agent,
    Page,
    Reader,
    World,
    authorised,
    card_in_reader,
    padded,
    session_with_card,
)

NEW_PIN, OTHER_PIN = NEW_PINS[0], NEW_PINS[1]


@pytest.fixture
def at_agent(world: World) -> World:
    world.pin_at_agent = True
    world.restart()
    return world


async def choosing(world: World, reason: Reason = Reason.LOCKED) -> tuple[Reader, Agent, Page]:
    """A session in which a passcode may be chosen."""
    reader, line = card_in_reader(blocked=reason is not Reason.CHANGE)
    await world.import_line(line)
    if reason is Reason.CHANGE:
        return reader, *await session_with_card(world, reader, reason)
    return reader, *await authorised(world, reader)


async def asked(agent: Agent) -> Order:
    order = await agent.poll()
    assert isinstance(order, Order)
    return order


async def test_R51_the_agent_is_told_to_ask_and_the_card_takes_what_was_typed(at_agent: World) -> None:
    reader, agent, page = await choosing(at_agent)
    assert (await page.see()).pin_at_agent
    assert await page.reset_pin("") == ""
    order = await asked(agent)
    assert order.question is not None
    assert order.question.pin_at_agent

    agent.types = (NEW_PIN, "")
    await agent.work()

    assert await page.state() == ("SUCCESS", "")
    assert reader.eeprom.pin == padded(NEW_PIN)


async def test_R2_a_change_takes_both_passcodes_at_the_agent(at_agent: World) -> None:
    reader, agent, page = await choosing(at_agent, Reason.CHANGE)
    assert await page.reset_pin("") == ""

    agent.types = (NEW_PIN, OLD_PIN)
    await agent.work()

    assert await page.state() == ("SUCCESS", "")
    assert reader.eeprom.pin == padded(NEW_PIN)


async def test_a_wrong_current_pin_typed_there_leads_back_to_typing(at_agent: World) -> None:
    _, agent, page = await choosing(at_agent, Reason.CHANGE)
    await page.reset_pin("")
    agent.types = (NEW_PIN, OTHER_PIN)
    await agent.work()
    assert await page.state() == ("CARD_READ", "CURRENT_PIN_WRONG")

    await page.reset_pin("")
    agent.types = (NEW_PIN, OLD_PIN)
    await agent.work()
    assert await page.state() == ("SUCCESS", "")


async def test_R51_a_person_who_does_not_finish_may_try_again_without_a_new_code(at_agent: World) -> None:
    _, agent, page = await choosing(at_agent)
    await page.reset_pin("")
    await agent.send(await asked(agent), Report((), End.DECLINED))
    assert await page.state() == ("AUTHORISED", "DECLINED")

    assert await page.reset_pin("") == ""
    agent.types = (NEW_PIN, "")
    await agent.work()
    assert await page.state() == ("SUCCESS", "")


async def test_there_is_time_to_type_and_less_than_the_proof_may_take(at_agent: World) -> None:
    _, agent, page = await choosing(at_agent)
    await page.reset_pin("")
    order = await asked(agent)

    assert order.step.begin_before - at_agent.clock.now() == steps.PIN_TYPED_WITHIN
    assert steps.PIN_TYPED_WITHIN + timedelta(seconds=20) < steps.PROVE_ANSWERED_WITHIN


@pytest.mark.parametrize(
    ("pin", "current", "reason"),
    [
        (NEW_PIN, "", Reason.LOCKED),
        ("", OLD_PIN, Reason.LOCKED),
        (NEW_PIN, OLD_PIN, Reason.CHANGE),
        ("", OLD_PIN, Reason.CHANGE),
    ],
)
async def test_no_sealed_pin_is_taken_where_pins_are_typed_at_the_agent(
    at_agent: World, pin: str, current: str, reason: Reason
) -> None:
    _, agent, page = await choosing(at_agent, reason)

    with pytest.raises(ServiceError, match="BAD_REQUEST"):
        await page.reset_pin(pin, current=current)
    assert not isinstance(await agent.poll(), Order)


@pytest.mark.parametrize("reason", [Reason.LOCKED, Reason.CHANGE])
async def test_nothing_is_set_without_a_sealed_pin_where_pages_ask_for_it(
    world: World, reason: Reason
) -> None:
    _, agent, page = await choosing(world, reason)
    assert not (await page.see()).pin_at_agent

    with pytest.raises(ServiceError, match="BAD_REQUEST"):
        await page.reset_pin("")
    assert not isinstance(await agent.poll(), Order)


async def test_an_agent_that_takes_no_sealed_pin_is_named_on_the_page_and_costs_no_code(world: World) -> None:
    _, agent, page = await choosing(world)
    await page.reset_pin(NEW_PIN)
    await agent.send(await asked(agent), Report((), End.REFUSED, rule="SEALED_PIN_REFUSED"))

    assert await page.state() == ("AUTHORISED", "SEALED_PIN_REFUSED")
