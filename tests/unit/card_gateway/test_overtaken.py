"""Two sessions of one card: a report that comes late settles what the other session was about to find out.

Then the other one's script is over at once: nobody waits for a deadline, the code stays good, and what is
believed of the PUK's tries is never more than there are.
"""

from dataclasses import dataclass
from typing import Any

import pytest

from services.card_gateway.card.script import Kind, Report
from services.card_gateway.domain.journal import RowState
from services.card_gateway.domain.words import Reason
from services.card_gateway.use_cases import commits
from services.card_gateway.use_cases.orders import Order
from tests.ports.card_gateway.world import (
    NEW_PINS,
    Agent,
    Page,
    Reader,
    World,
    authorised,
    card_in_reader,
    crash_at,
    padded,
)


@dataclass
class Late:
    """A reset whose report is still on its way."""

    reader: Reader
    agent: Agent
    order: Order
    report: Report

    async def arrives(self) -> None:
        await self.agent.send(self.order, self.report)


async def late(world: World, *, rotated: bool, **wishes: Any) -> Late:
    """The card took the new PIN, and the new PUK where `rotated`; 71 s later nobody has heard of it."""
    reader, line = card_in_reader(blocked=False, **wishes)  # a blocked one would tell a READ how it ended
    await world.import_line(line)
    agent, page = await authorised(world, reader, Reason.FORGOTTEN)
    order = await next_script(agent, page, NEW_PINS[0])
    if not rotated:
        reader.arm("status", 3, 0x6982)
    report = agent.run(order)
    world.clock.advance(seconds=71)
    await world.sweep()
    reader.reinsert()
    return Late(reader, agent, order, report)


async def proof(agent: Agent, page: Page, pin: str) -> Order:
    assert await page.reset_pin(pin) == ""
    found = await agent.poll()
    assert isinstance(found, Order)
    return found


async def next_script(agent: Agent, page: Page, pin: str) -> Order:
    order = await agent.do(await proof(agent, page, pin))
    assert order is not None
    return order


async def ends_well(world: World, reader: Reader, agent: Agent, page: Page) -> None:
    """The same session goes on, with the code it had."""
    world.clock.advance(seconds=1)
    order = await next_script(agent, page, NEW_PINS[2])
    assert order.script.kind is Kind.RESET
    await agent.do(order)
    assert await page.state() == ("SUCCESS", "")
    assert reader.eeprom.pin == padded(NEW_PINS[2])
    assert await world.puks_possible() == {reader.eeprom.puk}
    assert (await world.secret()).tries == reader.eeprom.puk_left == 3


@pytest.mark.parametrize("rotated", [True, False])
@pytest.mark.parametrize("metadata", [True, False])
async def test_I8_a_recovery_that_is_fetched_again_after_its_row_was_settled_ends_at_once(
    world: World, rotated: bool, metadata: bool
) -> None:
    first = await late(world, rotated=rotated, metadata=metadata)
    agent, page = await authorised(world, first.reader, Reason.FORGOTTEN)
    lost = await next_script(agent, page, NEW_PINS[1])
    assert lost.script.kind is Kind.RECOVER
    await first.arrives()
    again = await agent.poll()
    assert isinstance(again, Order)
    assert (again.step.step_id, again.script.steps) == (lost.step.step_id, ())
    await agent.do(again)

    assert await page.state() == ("AUTHORISED", "INTERRUPTED")
    assert [row.state for row in await world.journal()] == [
        RowState.CONFIRMED if rotated else RowState.CANCELLED
    ]
    assert (await world.secret()).tries == first.reader.eeprom.puk_left == 3
    await ends_well(world, first.reader, agent, page)


async def test_I7_what_an_agent_has_run_before_it_was_overtaken_counts(world: World) -> None:
    first = await late(world, rotated=True)
    agent, page = await authorised(world, first.reader, Reason.FORGOTTEN)
    order = await next_script(agent, page, NEW_PINS[1])
    agent.run(order)
    await first.arrives()
    again = await agent.poll()
    assert isinstance(again, Order)
    await agent.do(again)

    assert await page.state() == ("SUCCESS", "")
    assert first.reader.eeprom.pin == padded(NEW_PINS[1])
    assert await world.puks_possible() == {first.reader.eeprom.puk}


async def test_I8_a_recovery_that_was_never_fetched_is_given_up_at_once(world: World) -> None:
    first = await late(world, rotated=True)
    agent, page = await authorised(world, first.reader, Reason.FORGOTTEN)
    asked = await proof(agent, page, NEW_PINS[1])
    with crash_at(f"{commits.FETCH_RESET}.before_commit", times=4):
        report = agent.run(asked)
        with pytest.raises(Exception, match="fetch_reset"):
            await agent.send(asked, report)
    await first.arrives()
    await agent.work()

    assert await page.state() == ("AUTHORISED", "PROOF_TIMED_OUT")
    await ends_well(world, first.reader, agent, page)


async def test_I4_a_late_success_does_not_hide_the_try_that_a_later_recovery_lost(world: World) -> None:
    """The card does not tell its tries: they are believed, and one too many could be its last."""
    first = await late(world, rotated=False, metadata=False)
    agent, page = await authorised(world, first.reader, Reason.FORGOTTEN)
    recovery = await next_script(agent, page, NEW_PINS[1])
    first.reader.arm("drop_before", 3)
    report = agent.run(recovery)
    assert first.reader.eeprom.puk_left == 2
    await first.arrives()

    assert (await world.secret()).tries == 2
    await agent.send(recovery, report)
    assert (await world.secret()).tries == 2
    first.reader.reinsert()
    await agent.work()
    await ends_well(world, first.reader, agent, page)
