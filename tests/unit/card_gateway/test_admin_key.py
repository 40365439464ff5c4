"""Cards whose PIN an admin key sets: the key stays in the vault, and the card proves itself in its reset."""

import os
import secrets
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from joserfc import jws

from deploy.local.virtual_card import FaultyCard, InProcessCard, VirtualGids
from deploy.local.virtual_card.application import Answer
from services.card_gateway.domain.words import Reason, SecretLabel
from services.card_gateway.use_cases.orders import Order, Over
from tests.ports.card_gateway.world import (
    NEW_PINS,
    OLD_PIN,
    Reader,
    World,
    authorised,
    card_in_reader,
    gids_card_in_reader,
    session_with_card,
)

NEW_PIN = NEW_PINS[0]
RESET_APDUS = 8  # select, card id, key, challenge; card id, answer, PIN, status
SOAK = bool(os.environ.get("SOAK"))
LOSSES = ("drop_before", "drop_after", "hang", *(("empty", "empty_before", "drop_inside") if SOAK else ()))
ODD = (0x6A80, 0x6F00, 0x63C1, 0x9000, *((0x6700, 0x6581, 0x6A86, 0x6985, 0x6CFF) if SOAK else ()))


async def imported(world: World, **wishes: Any) -> Reader:
    reader, line = gids_card_in_reader(**wishes)
    assert await world.import_line(line) == []
    return reader


@pytest.mark.parametrize("reason", [Reason.LOCKED, Reason.FORGOTTEN])
async def test_R1_R2_the_vault_answers_the_card_which_takes_the_new_pin_as_it_is_typed(
    world: World, reason: Reason
) -> None:
    reader = await imported(world, blocked=reason is Reason.LOCKED, admin_tries=5)
    agent, page = await authorised(world, reader, reason)
    await page.reset_pin(NEW_PIN)
    await agent.work()

    assert await page.state() == ("SUCCESS", "")
    assert reader.eeprom.pin == NEW_PIN.encode()
    assert (await page.see()).session.label is SecretLabel.END_TO_END
    assert await world.journal() == []
    assert [type(each).__name__ for each in await world.events()][-2:] == ["SecretReleased", "SessionOutcome"]
    assert (await world.secret()).tries == 5


async def test_I12_the_admin_key_is_in_nothing_that_leaves_the_vault(world: World) -> None:
    reader = await imported(world)
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PIN)
    left: list[bytes] = []
    found = await agent.poll()
    while isinstance(found, Order):
        left += [step.command.data for step in found.script.steps]
        found = await agent.do(found) or Over("", "")

    key = reader.eeprom.admin_key
    assert await page.state() == ("SUCCESS", "")
    assert not any(part in data for data in left for part in (key, key[:8], key[8:16], key[16:]))
    assert key not in (await world.secret()).imported


async def test_S39_whoever_holds_such_a_card_gets_no_answer_before_a_code_was_typed(world: World) -> None:
    reader = await imported(world)
    await session_with_card(world, reader)

    assert [ins for ins, _, _ in reader.eeprom.log if ins == 0x87] == []
    assert await world.events("SecretReleased") == []


async def test_the_grant_says_that_the_card_has_proven_nothing_yet(world: World) -> None:
    _, page = await session_with_card(world, await imported(world))
    grant = jws.extract_compact((await page.see()).card_grant.encode()).payload

    assert b'"CLAIMED"' in grant


async def test_an_answer_that_comes_after_three_seconds_does_not_leave(world: World) -> None:
    reader = await imported(world)
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PIN)
    asked = await agent.poll()
    assert isinstance(asked, Order)
    order = await agent.do(asked)
    assert isinstance(order, Order)
    assert order.step.begin_before - order.given_at == timedelta(seconds=3)
    world.clock.advance(seconds=3)
    again = await agent.poll()

    assert isinstance(again, Order)
    assert again.script.steps == ()
    await agent.do(again)
    assert await page.state() == ("AUTHORISED", "INTERRUPTED")
    await page.reset_pin(NEW_PIN)
    await agent.work()
    assert await page.state() == ("SUCCESS", "")


async def test_a_challenge_that_another_program_ended_is_asked_for_again_without_a_new_code(
    world: World,
) -> None:
    reader = await imported(world, admin_tries=5)
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PIN)
    asked = await agent.poll()
    assert isinstance(asked, Order)
    report = agent.run(asked)
    reader.port.transmit(bytes.fromhex("00A4040009A0000003974254465900"))
    order = await agent.send(asked, report)
    assert isinstance(order, Order)
    await agent.do(order)

    assert await page.state() == ("AUTHORISED", "PROOF_TIMED_OUT")
    assert (await world.secret()).tries == 5
    await page.reset_pin(NEW_PIN)
    await agent.work()
    assert await page.state() == ("SUCCESS", "")


async def test_a_key_that_is_not_the_cards_costs_one_try_and_stops_the_card(world: World) -> None:
    reader, line = gids_card_in_reader(admin_tries=5)
    await world.import_line(line | {"admin_key": secrets.token_bytes(24).hex()})
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PIN)
    await agent.work()

    assert await page.state() == ("FAILED", "SECRET_MISMATCH")
    assert (reader.eeprom.wrong_admin_tries, reader.eeprom.admin_left) == (1, 4)
    assert (await world.secret()).tries == 4
    _, again = await session_with_card(world, reader)
    assert await again.state() == ("FAILED", "BUDGET_SPENT")
    assert reader.eeprom.wrong_admin_tries == 1


class Impostor(VirtualGids):
    """Says yes to every answer, and cannot give its own."""

    def _take_response(self, response: bytes) -> Answer:
        self._state = "admin"
        return bytes.fromhex("7C2A8228") + secrets.token_bytes(40), 0x9000


async def test_R45_a_card_that_says_yes_and_cannot_prove_itself_is_no_success(world: World) -> None:
    reader = await imported(world)
    fake = Reader(InProcessCard(FaultyCard(Impostor(reader.eeprom))))
    agent, page = await authorised(world, fake)
    await page.reset_pin(NEW_PIN)
    await agent.work()

    assert await page.state() == ("FAILED", "CARD_NOT_GENUINE")
    assert (await world.secret()).tries == 4


class Mirror(VirtualGids):
    """Challenges with what it was challenged with, and gives our own answer back as its proof."""

    def _give_challenge(self, other: bytes) -> Answer:
        self._state = "mutual"
        return b"\x7c\x12\x81\x10" + other, 0x9000

    def _take_response(self, response: bytes) -> Answer:
        self._state = "admin"
        return bytes.fromhex("7C2A8228") + response, 0x9000


async def test_R45_a_card_that_mirrors_our_challenge_gets_no_answer_to_mirror(world: World) -> None:
    reader = await imported(world)
    agent, page = await authorised(world, Reader(InProcessCard(FaultyCard(Mirror(reader.eeprom)))))
    await page.reset_pin(NEW_PIN)
    await agent.work()

    assert await page.state() == ("AUTHORISED", "CARD_NOT_GENUINE")
    assert "SecretReleased" not in [type(each).__name__ for each in await world.events()]
    assert (await world.secret()).tries == 5


async def test_a_card_of_another_kind_with_a_known_identifier_is_refused(world: World) -> None:
    _, line = card_in_reader()
    await world.import_line(line)
    claimer, _ = gids_card_in_reader(guid=bytes.fromhex(line["guid"]))
    _, page = await session_with_card(world, claimer)

    assert await page.state() == ("FAILED", "CARD_NOT_GENUINE")


async def test_I1_what_proves_nothing_settles_nothing_of_another_session(world: World) -> None:
    reader = await imported(world)
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PIN)
    reader.arm("drop_after", 6)
    await agent.work()
    assert await page.state() == ("UNKNOWN", "OUTCOME_UNKNOWN")
    claimer, _ = gids_card_in_reader(guid=reader.eeprom.guid, blocked=False)
    world.clock.advance(seconds=1)
    await session_with_card(world, claimer)

    assert await page.state() == ("UNKNOWN", "OUTCOME_UNKNOWN")


async def test_I4_answers_of_which_nothing_was_heard_count_as_wrong_ones(world: World) -> None:
    reader = await imported(world, blocked=False)
    for expected in (4, 3, 2, 1):
        agent, page = await authorised(world, reader, Reason.FORGOTTEN)
        await page.reset_pin(NEW_PIN)
        asked = await agent.poll()
        assert isinstance(asked, Order)
        assert await agent.do(asked) is not None
        world.clock.advance(seconds=71)
        await world.sweep()
        assert (await page.state())[0] == "UNKNOWN"
        assert (await world.secret()).tries == expected
    _, page = await session_with_card(world, reader, Reason.FORGOTTEN)

    assert await page.state() == ("FAILED", "BUDGET_SPENT")
    assert reader.eeprom.wrong_admin_tries == 0


@pytest.mark.parametrize(("kind", "at"), list(product(LOSSES, range(RESET_APDUS))))
async def test_F16_pulled_at_any_apdu_the_truth_comes_out_and_the_card_takes_a_pin(
    world: World, kind: str, at: int
) -> None:
    reader = await imported(world, admin_tries=5)
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PIN)
    reader.arm(kind, at, {"hang": 9.0, "drop_inside": 1}.get(kind, 0))
    await agent.work()
    state, _ = await page.state()
    took = reader.eeprom.pin == NEW_PIN.encode()
    assert took or reader.eeprom.pin == OLD_PIN.encode()
    assert state == "SUCCESS" if at == 7 else state in ("AUTHORISED", "UNKNOWN", "RESOLVED")
    assert (await world.secret()).tries <= reader.eeprom.admin_left

    reader.reinsert()
    world.clock.advance(seconds=5)
    await agent.work()
    state, _ = await page.state()
    if took:
        assert state in ("SUCCESS", "RESOLVED")
        assert (await page.see()).session.resolved_success is (state == "RESOLVED")
    else:
        assert state == "AUTHORISED"
        await page.reset_pin(NEW_PIN)
        await agent.work()
        assert await page.state() == ("SUCCESS", "")
    assert reader.eeprom.wrong_admin_tries == 0
    assert reader.eeprom.pin == NEW_PIN.encode()
    assert (await world.secret()).tries == 5


@pytest.mark.parametrize("sw", ODD)
@pytest.mark.parametrize("at", range(RESET_APDUS) if SOAK else (3, 5, 6))
@pytest.mark.parametrize("kind", ["status", "status_after"])
async def test_F18_whatever_a_card_answers_success_is_only_what_it_is(
    world: World, kind: str, at: int, sw: int
) -> None:
    reader = await imported(world)
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PIN)
    reader.arm(kind, at, sw)
    await agent.work()
    state, _ = await page.state()

    lied_about_pin = (kind, at, sw) == ("status", 6, 0x9000)
    if state == "SUCCESS" and not lied_about_pin:
        assert reader.eeprom.pin == NEW_PIN.encode()
    if state == "AUTHORISED" and not (kind == "status_after" and at == 6):
        assert reader.eeprom.pin == OLD_PIN.encode()


async def test_a_pin_that_the_card_refuses_leads_back_with_the_grant_still_good(world: World) -> None:
    reader = await imported(world, pin_history=2)
    reader.eeprom.pin = NEW_PIN.encode()
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PIN)
    await agent.work()

    assert await page.state() == ("AUTHORISED", "PIN_REFUSED_BY_CARD")
    await page.reset_pin(NEW_PINS[1])
    await agent.work()
    assert await page.state() == ("SUCCESS", "")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"admin_key": "00" * 23}, "BAD_ADMIN_KEY"),
        ({"admin_key": "no hex"}, "BAD_ADMIN_KEY"),
        ({"admin_key": "0123456789ABCDEF" * 3}, "BAD_ADMIN_KEY"),
        ({"key_9e": "AAAA"}, "BAD_KEY"),
        ({"puk": "40718263"}, "BAD_PUK"),
    ],
)
async def test_an_import_refuses_what_is_no_admin_key_without_showing_it(
    world: World, changes: dict[str, str], code: str
) -> None:
    _, line = gids_card_in_reader()
    [complaint] = await world.import_line(line | changes)

    assert complaint.code == code
    assert changes.get("admin_key", "AAAA") not in repr(complaint)


async def test_R11_a_minidriver_card_without_its_key_is_ERR1009(world: World) -> None:
    reader, line = gids_card_in_reader()
    del line["admin_key"]
    await world.import_line(line)
    _, page = await session_with_card(world, reader)

    assert await page.state() == ("FAILED", "ERR1009")
