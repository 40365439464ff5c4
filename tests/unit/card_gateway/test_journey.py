"""A journey through the gateway's own use cases, with a virtual card and no faults."""

from typing import Any

import pytest

from services.card_gateway.domain.words import Reason, SecretLabel
from services.card_gateway.use_cases import commits
from services.card_gateway.use_cases.orders import Order
from services.runtime import faults
from tests.ports.card_gateway.world import (
    NEW_PINS,
    OLD_PUK,
    Agent,
    Page,
    World,
    authorised,
    card_in_reader,
    padded,
)


async def test_R1_a_blocked_card_takes_the_new_pin_and_a_new_puk(world: World) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    agent, page = await authorised(world, reader)
    assert await page.reset_pin(NEW_PINS[0]) == ""
    await agent.work()

    assert await page.state() == ("SUCCESS", "")
    assert reader.eeprom.pin == padded(NEW_PINS[0])
    assert reader.eeprom.pin_left > 0
    assert await world.puks_possible() == {reader.eeprom.puk}
    assert reader.eeprom.puk != padded(OLD_PUK)
    assert await world.outcomes() == [("SUCCESS", "")]
    assert [type(each).__name__ for each in await world.events()] == [
        "SessionStarted",
        "CardRead",
        "SessionAuthorised",
        "SecretReleased",
        "SessionOutcome",
    ]


async def test_P5_the_commits_of_a_journey_are_the_gateways_eight_of_ten(world: World) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    reached: list[str] = []
    faults.act = reached.append
    try:
        agent = await Agent(world, reader).attach()
        page = await Page(world, agent).start()
        await agent.work()
        await page.see()
        await page.authorise()
        await page.reset_pin(NEW_PINS[0])
        await agent.work()
        await page.see()
    finally:
        faults.act = lambda point: None

    committed = [point.removesuffix(".after_commit") for point in reached if point.endswith(".after_commit")]
    assert committed == list(commits.ON_THE_REQUEST_PATH)


async def test_R2_a_forgotten_passcode_is_reset_while_it_is_not_blocked(world: World) -> None:
    reader, line = card_in_reader(blocked=False)
    await world.import_line(line)
    agent, page = await authorised(world, reader, Reason.FORGOTTEN)
    await page.reset_pin(NEW_PINS[0])
    await agent.work()

    assert await page.state() == ("SUCCESS", "")
    assert reader.eeprom.pin == padded(NEW_PINS[0])


async def test_each_unlock_rotates_to_a_version_never_used_before(world: World) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    seen = {reader.eeprom.puk}
    for number, pin in enumerate(NEW_PINS[:3], 1):
        agent, page = await authorised(world, reader, Reason.FORGOTTEN)
        await page.reset_pin(pin)
        await agent.work()
        assert await page.state() == ("SUCCESS", "")
        assert (await world.secret()).version == number
        seen.add(reader.eeprom.puk)

    assert len(seen) == 4


@pytest.mark.parametrize(
    "wishes",
    [
        {"key_9e": "RSA2048"},
        {"compressed": True},
        {"pin_tries": 6, "puk_tries": 10, "last_wrong": 0x6983, "metadata": False, "keeps_rest": False},
        {"pin_tries": 3, "puk_tries": 3, "frame": 256, "not_selected": 0x6D00},
    ],
    ids=["RSA-2048", "gzip", "OpenFIPS201", "YubiKey"],
)
async def test_R1_other_makes_of_card_take_the_same_way(world: World, wishes: dict[str, Any]) -> None:
    reader, line = card_in_reader(**wishes)
    await world.import_line(line)
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PINS[0])
    await agent.work()

    assert await page.state() == ("SUCCESS", "")
    assert await world.puks_possible() == {reader.eeprom.puk}


async def test_the_same_reset_attempt_is_one_wish(world: World) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    agent, page = await authorised(world, reader)
    attempt = world.randomness.uuid7()
    assert [await page.reset_pin(NEW_PINS[0], attempt=attempt) for _ in range(2)] == ["", ""]
    await agent.work()

    assert await page.reset_pin(NEW_PINS[0], attempt=attempt) == ""
    assert await page.reset_pin(NEW_PINS[1]) == "SESSION_ENDED"
    assert await page.state() == ("SUCCESS", "")


async def test_a_card_that_forbids_a_new_puk_is_unlocked_and_said_to_be_static(world: World) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PINS[0])
    proof = await agent.poll()
    assert isinstance(proof, Order)
    reset = await agent.do(proof)
    assert reset is not None
    reader.arm("status", 3, 0x6982)
    await agent.do(reset)

    assert await page.state() == ("SUCCESS", "")
    assert (await page.see()).session.label is SecretLabel.STATIC
    assert await world.puks_possible() == {padded(OLD_PUK)} == {reader.eeprom.puk}
