"""The card is pulled at every APDU of a reset, the gateway dies at every commit, answers are lost.

Whatever happens: the PUK in the card is at every instant one that the books know of, no recovery
spends more than one wrong try, no last word is wrong, and the next session ends with a working card.
SOAK=1 takes every APDU with every crash.
"""

import os
from itertools import product
from typing import Any

import pytest

from services.card_gateway.domain.budget import Secret
from services.card_gateway.domain.words import Reason
from services.card_gateway.use_cases import commits
from services.card_gateway.use_cases.orders import Order, Over
from tests.ports.card_gateway.world import (
    NEW_PINS,
    OLD_PIN,
    Agent,
    Page,
    Reader,
    World,
    authorised,
    card_in_reader,
    crash_at,
    padded,
    session_with_card,
)

RESET_APDUS = 6  # select, CHUID, unblock, rotate, clear, tries
SECRET_APDUS = (2, 3)
PULLS = [("drop_before", at) for at in range(RESET_APDUS)] + [("drop_after", at) for at in range(RESET_APDUS)]
AFTER_THE_PROOF = (commits.REPORT_PROVE, commits.FETCH_RESET, commits.REPORT_RESET)
CRASHES = [f"{name}.{side}_commit" for name in AFTER_THE_PROOF for side in ("before", "after")]
SOAK = bool(os.environ.get("SOAK"))
REASONS = [Reason.LOCKED, Reason.FORGOTTEN]
LAST_WORDS = ("SUCCESS", "FAILED", "RESOLVED")


async def pulled_at(reader: Reader, agent: Agent, kind: str, at: int) -> None:
    """Run PROVE, then pull the card in the script that follows it."""
    proof = await agent.poll()
    assert isinstance(proof, Order)
    reset = await agent.do(proof)
    reader.arm(kind, at)
    while reset is None:
        found = await agent.poll()
        if not isinstance(found, Order):
            return
        reset = found
    await agent.do(reset)


async def assert_books_agree(world: World, reader: Reader, page: Page, tried: list[str]) -> None:
    """I3, I5, I7: PUK, PIN and last word agree with the card."""
    assert reader.eeprom.puk in await world.puks_possible()
    state, _ = await page.state()
    session = (await page.see()).session
    if state == "SUCCESS" or (state == "RESOLVED" and session.resolved_success):
        assert reader.eeprom.pin in {padded(pin) for pin in tried}
    if state == "FAILED" or (state == "RESOLVED" and not session.resolved_success):
        assert reader.eeprom.pin == padded(OLD_PIN)


async def try_until_it_works(
    world: World, reader: Reader, agent: Agent, page: Page, tried: list[str]
) -> None:
    """What a person does: put the card back, go on in the same session; if it has ended, start anew."""
    for pin in NEW_PINS[len(tried) :]:
        reader.reinsert()
        before = reader.eeprom.wrong_puk_tries
        await agent.work()
        await assert_books_agree(world, reader, page, tried)
        if isinstance(await agent.poll(), Over):
            if (await page.state())[0] == "SUCCESS":
                return
            agent, page = await authorised(world, reader, Reason.FORGOTTEN)
        tried.append(pin)
        assert await page.reset_pin(pin) == ""
        await agent.work()
        await assert_books_agree(world, reader, page, tried)
        assert reader.eeprom.wrong_puk_tries - before <= 1
        if (await page.state())[0] == "SUCCESS":
            return
    raise AssertionError("the card never worked again")


async def assert_all_is_well(world: World, reader: Reader) -> None:
    """The card works, its PUK is known and no try of it is missing; last words are single."""
    assert reader.eeprom.pin in {padded(pin) for pin in NEW_PINS}
    assert reader.eeprom.pin_left > 0
    assert reader.eeprom.puk_left == reader.eeprom.parameters.puk_tries
    assert await world.puks_possible() == {reader.eeprom.puk}
    told = await world.events("SessionOutcome")
    assert len({(each.session_id, each.kind) for each in told}) == len(told)
    for session_id in {each.session_id for each in told}:
        last = [kind for kind, _ in await world.outcomes(session_id) if kind in LAST_WORDS]
        assert len(last) == 1


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: str(reason.value))
@pytest.mark.parametrize(("kind", "at"), PULLS)
async def test_F16_a_pulled_card_is_always_recovered(
    world: World, kind: str, at: int, reason: Reason
) -> None:
    reader, line = card_in_reader(blocked=reason is Reason.LOCKED)
    await world.import_line(line)
    agent, page = await authorised(world, reader, reason)
    tried = [NEW_PINS[0]]
    await page.reset_pin(tried[0])
    await pulled_at(reader, agent, kind, at)

    await assert_books_agree(world, reader, page, tried)
    await try_until_it_works(world, reader, agent, page, tried)
    await settle_secret(world, reader)
    await assert_all_is_well(world, reader)


@pytest.mark.parametrize("crash", CRASHES)
@pytest.mark.parametrize(
    ("kind", "at", "reason"),
    [
        (kind, at, reason)
        for (kind, at), reason in product(PULLS, REASONS)
        if SOAK or at in SECRET_APDUS or (at == 0 and reason is Reason.LOCKED)
    ],
)
async def test_F1_a_gateway_that_dies_around_a_pulled_card_loses_nothing(
    world: World, kind: str, at: int, reason: Reason, crash: str
) -> None:
    reader, line = card_in_reader(blocked=reason is Reason.LOCKED)
    await world.import_line(line)
    agent, page = await authorised(world, reader, reason)
    tried = [NEW_PINS[0]]
    await page.reset_pin(tried[0])
    with crash_at(crash) as hits:
        await pulled_at(reader, agent, kind, at)
    world.restart()

    assert hits == [crash]
    await assert_books_agree(world, reader, page, tried)
    await try_until_it_works(world, reader, agent, page, tried)
    await settle_secret(world, reader)
    await assert_all_is_well(world, reader)


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: str(reason.value))
@pytest.mark.parametrize(("kind", "at"), [("none", 0), *PULLS])
async def test_F15_an_agent_that_never_reports_leaves_a_session_that_the_card_settles(
    world: World, kind: str, at: int, reason: Reason
) -> None:
    reader, line = card_in_reader(blocked=reason is Reason.LOCKED)
    await world.import_line(line)
    agent, page = await authorised(world, reader, reason)
    tried = [NEW_PINS[0]]
    await page.reset_pin(tried[0])
    proof = await agent.poll()
    assert isinstance(proof, Order)
    reset = await agent.do(proof)
    assert reset is not None
    if kind != "none":
        reader.arm(kind, at)
    agent.run(reset)
    world.clock.advance(seconds=71)
    await world.sweep()

    assert (await page.state())[0] == "UNKNOWN"
    assert await world.outcomes() == [("UNKNOWN", "OUTCOME_UNKNOWN")]
    await assert_books_agree(world, reader, page, tried)
    await settle_or_go_on(world, reader, agent, page, tried)


async def settle_or_go_on(world: World, reader: Reader, agent: Agent, page: Page, tried: list[str]) -> None:
    """The card is put back: RESOLVED where it can tell, else another reset in the same session."""
    reader.reinsert()
    await agent.work()
    await assert_books_agree(world, reader, page, tried)
    if (await page.state())[0] == "RESOLVED":
        agent, page = await authorised(world, reader, Reason.FORGOTTEN)
    await try_until_it_works(world, reader, agent, page, tried)
    await settle_secret(world, reader)
    await assert_all_is_well(world, reader)


@pytest.mark.parametrize(("second", "again"), list(product(PULLS, [False, True])))
async def test_I4_a_card_pulled_again_inside_its_recovery_costs_one_wrong_try_a_script(
    world: World, second: tuple[str, int], again: bool
) -> None:
    """The first reset is cut where it leaves the PUK unsettled: as the rotation is sent."""
    reader, line = card_in_reader()
    await world.import_line(line)
    agent, page = await authorised(world, reader)
    tried = [NEW_PINS[0]]
    await page.reset_pin(tried[0])
    await pulled_at(reader, agent, "drop_after" if again else "drop_before", 3)
    reader.reinsert()
    agent, page = await authorised(world, reader, Reason.FORGOTTEN)
    tried.append(NEW_PINS[1])
    before = reader.eeprom.wrong_puk_tries
    await page.reset_pin(tried[1])
    await pulled_at(reader, agent, *second)

    assert reader.eeprom.wrong_puk_tries - before <= 1
    await assert_books_agree(world, reader, page, tried)
    await try_until_it_works(world, reader, agent, page, tried)
    await settle_secret(world, reader)
    await assert_all_is_well(world, reader)


async def settle_secret(world: World, reader: Reader) -> None:
    """A session that ended well may leave the PUK unsettled: the next one settles it."""
    if len(await world.puks_possible()) == 1:
        return
    reader.reinsert()
    agent, page = await authorised(world, reader, Reason.FORGOTTEN)
    assert await page.reset_pin(NEW_PINS[-1]) == ""
    await agent.work()
    assert await page.state() == ("SUCCESS", "")


async def unsettled(world: World, **wishes: Any) -> Reader:
    """A card that took the new PIN and was pulled as its new PUK was sent."""
    reader, line = card_in_reader(**wishes)
    await world.import_line(line)
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PINS[0])
    await pulled_at(reader, agent, "drop_before", 3)
    reader.reinsert()
    return reader


async def recovery_cut_after_its_wrong_try(world: World, reader: Reader, pin: str) -> str:
    """A recovery whose first candidate is wrong, pulled before the second, of which nobody hears."""
    agent, page = await authorised(world, reader, Reason.FORGOTTEN)
    answer = await page.reset_pin(pin)
    proof = await agent.poll()
    assert isinstance(proof, Order)
    recover = await agent.do(proof)
    assert recover is not None
    believed = (await world.secret()).tries
    reader.arm("drop_before", 3)
    agent.run(recover)
    assert believed <= reader.eeprom.puk_left
    world.clock.advance(seconds=71)
    await world.sweep()
    reader.reinsert()
    return answer


async def test_I4_a_loss_is_written_down_before_the_send(world: World) -> None:
    reader = await unsettled(world, metadata=False)
    assert (await world.secret()).tries == 3
    await recovery_cut_after_its_wrong_try(world, reader, NEW_PINS[1])

    assert (await world.secret()).tries == 2 == reader.eeprom.puk_left


async def test_I4_the_last_try_is_never_spent(world: World) -> None:
    reader = await unsettled(world, metadata=False)
    for pin in NEW_PINS[1:3]:
        await recovery_cut_after_its_wrong_try(world, reader, pin)
    _, page = await session_with_card(world, reader, Reason.FORGOTTEN)

    assert await page.state() == ("FAILED", "BUDGET_SPENT")
    assert reader.eeprom.wrong_puk_tries == 1
    assert reader.eeprom.puk in await world.puks_possible()


@pytest.mark.parametrize("outcome_seen", [False, True])
async def test_I7_a_read_that_was_held_back_settles_no_reset_that_was_sent_after_its_nonce(
    world: World, outcome_seen: bool
) -> None:
    """The signature is good, but the card may have left that reader long ago."""
    reader, line = card_in_reader()
    await world.import_line(line)
    elsewhere = await Agent(world, reader).attach()
    await Page(world, elsewhere).start()
    read = await elsewhere.poll()
    assert isinstance(read, Order)
    held_back = elsewhere.run(read)
    world.clock.advance(seconds=1)
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PINS[0])
    proof = await agent.poll()
    assert isinstance(proof, Order)
    reset = await agent.do(proof)
    assert reset is not None
    report = agent.run(reset)
    if outcome_seen:
        world.clock.advance(seconds=71)
        await world.sweep()
    before = (await page.state())[0]
    await elsewhere.send(read, held_back)

    assert (await page.state())[0] == before == ("UNKNOWN" if outcome_seen else "RESETTING")
    await agent.send(reset, report)
    assert await page.state() == ("SUCCESS", "")
    await assert_books_agree(world, reader, page, [NEW_PINS[0]])


def test_I4_a_told_count_neither_stops_a_card_for_good_nor_lifts_the_floor() -> None:
    """The count is not signed: 0 ends the session it is told in, 255 is three."""
    secret = Secret("c" * 32, 1, "k1", 1, None, "k1", tries=2, tries_full=3)

    assert [secret.counted(told).tries for told in (None, 0, 1, 2, 3, 255)] == [2, 2, 2, 2, 3, 3]
    assert secret.counted(255).tries_full == 3
