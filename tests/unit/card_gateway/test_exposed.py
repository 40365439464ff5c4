"""A PUK that a workstation has seen goes with the next reset, whatever became of the one before.

Each RESET rotates, to a version that never left before under any key: so it does not matter why the one that
stands is known somewhere. A RECOVER rotates nothing, since a card that is pulled in it would have three
candidates: what it settles is known at a workstation until the next RESET, and its event says STATIC.
"""

from typing import Any

import pytest
from smartcard_unlock.common.v1 import common_pb2

from services.card_gateway.card.script import Kind
from services.card_gateway.domain.journal import RowState
from services.card_gateway.domain.words import Reason
from services.card_gateway.use_cases.orders import Order
from tests.ports.card_gateway.world import (
    NEW_PINS,
    Agent,
    Page,
    Reader,
    World,
    authorised,
    card_in_reader,
    puks_in,
)

FAULTS: dict[str, tuple[str, int, int]] = {
    "fetched and never begun": ("drop_before", 0, 0),
    "pulled before the PUK": ("drop_before", 2, 0),
    "its answer lost": ("drop_after", 2, 0),
    "pulled before the rotation": ("drop_before", 3, 0),
    "the rotation's answer lost": ("drop_after", 3, 0),
    "memory failure at the PUK": ("status", 2, 0x6581),
    "refused by the card": ("status", 2, 0x6985),
    "rotation refused this once": ("status", 3, 0x6A80),
}


async def reset_script(agent: Agent, page: Page, pin: str) -> Order:
    """What the gateway gives for this passcode, once the card has proved itself."""
    assert await page.reset_pin(pin) == ""
    proof = await agent.poll()
    assert isinstance(proof, Order)
    order = await agent.do(proof)
    assert order is not None
    return order


async def unlock(world: World, reader: Reader, pin: str) -> tuple[Kind, set[bytes]]:
    """A session in which all goes well: its script's kind, and the PUKs that its workstation learns."""
    reader.reinsert()
    reason = Reason.FORGOTTEN if reader.eeprom.pin_left else Reason.LOCKED
    agent, page = await authorised(world, reader, reason)
    order = await reset_script(agent, page, pin)
    await agent.do(order)
    assert await page.state() == ("SUCCESS", "")
    return order.script.kind, puks_in(order.script)


async def last_words(world: World) -> tuple[str, int]:
    """Label and version of the newest outcome."""
    told: Any = (await world.events("SessionOutcome"))[-1]
    return common_pb2.SecretLabel.Name(told.secret_label).removeprefix("SECRET_LABEL_"), told.puk_version


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("reported", [True, False])
async def test_I3_after_a_reset_that_failed_an_exposed_puk_goes_with_the_next_one(
    world: World, fault: str, reported: bool
) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    agent, page = await authorised(world, reader)
    failed = await reset_script(agent, page, NEW_PINS[0])
    exposed = puks_in(failed.script)
    reader.arm(*FAULTS[fault])
    report = agent.run(failed)
    if reported:
        await agent.send(failed, report)
    world.clock.advance(seconds=71)
    await world.sweep()

    kind, seen = await unlock(world, reader, NEW_PINS[1])
    if kind is Kind.RECOVER:
        assert seen == exposed
        assert (await last_words(world))[0] == "STATIC"
        kind, seen = await unlock(world, reader, NEW_PINS[2])

    assert kind is Kind.RESET
    assert reader.eeprom.puk in seen - exposed
    assert await world.puks_possible() == {reader.eeprom.puk}
    assert await last_words(world) == ("ROTATED", (await world.secret()).version)


async def test_I3_the_session_after_a_recovery_rotates_and_both_labels_are_true(world: World) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    agent, page = await authorised(world, reader)
    cut = await reset_script(agent, page, NEW_PINS[0])
    reader.arm("drop_after", 3)
    await agent.do(cut)
    kind, seen = await unlock(world, reader, NEW_PINS[1])

    assert (kind, seen) == (Kind.RECOVER, puks_in(cut.script))
    assert await last_words(world) == ("STATIC", 1)
    assert [row.state for row in await world.journal()] == [RowState.CONFIRMED]
    kind, seen = await unlock(world, reader, NEW_PINS[2])
    assert kind is Kind.RESET
    assert reader.eeprom.puk in seen - puks_in(cut.script)
    assert await last_words(world) == ("ROTATED", 2)


async def test_a_passcode_that_the_card_refused_exposed_the_puk_and_the_next_one_rotates_it(
    world: World,
) -> None:
    reader, line = card_in_reader(pin_history=1)
    await world.import_line(line)
    await unlock(world, reader, NEW_PINS[0])
    agent, page = await authorised(world, reader, Reason.FORGOTTEN)
    refused = await reset_script(agent, page, NEW_PINS[0])
    await agent.do(refused)
    assert await page.state() == ("AUTHORISED", "PIN_REFUSED_BY_CARD")
    again = await reset_script(agent, page, NEW_PINS[1])
    await agent.do(again)

    assert await page.state() == ("SUCCESS", "")
    assert reader.eeprom.puk not in puks_in(refused.script)
    assert await last_words(world) == ("ROTATED", 3)


async def test_a_card_that_keeps_its_puk_is_told_as_STATIC_each_time(world: World) -> None:
    reader, line = card_in_reader(change_puk=0x6982)
    await world.import_line(line)
    for version, pin in enumerate(NEW_PINS[:2]):
        await unlock(world, reader, pin)
        assert await last_words(world) == ("STATIC", 0)
        assert (await world.secret()).highest == version + 1
