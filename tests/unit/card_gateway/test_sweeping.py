"""What time does to sessions. I8: each reaches its end within its deadline."""

import pytest

from services.card_gateway.domain.journal import RowState
from services.card_gateway.domain.session import DEADLINE
from services.card_gateway.domain.words import Reason
from services.card_gateway.use_cases.orders import Idle, Order, Over
from services.runtime.errors import ServiceError
from tests.ports.card_gateway.world import (
    NEW_PINS,
    OLD_PUK,
    Agent,
    Page,
    World,
    authorised,
    card_in_reader,
    padded,
    session_with_card,
)

MINUTES_45 = DEADLINE.total_seconds() / 60


async def test_an_offer_whose_agent_is_silent_is_deleted(world: World) -> None:
    reader, _ = card_in_reader()
    agent = await Agent(world, reader).attach()
    world.restart()
    world.clock.advance(seconds=119)
    await world.sweep()
    assert isinstance(await agent.poll(), Idle)
    world.clock.advance(seconds=121)
    world.restart()
    await world.sweep()

    with pytest.raises(ServiceError, match="SESSION_UNKNOWN"):
        await agent.poll()


async def test_an_agent_that_polls_keeps_its_offer(world: World) -> None:
    reader, _ = card_in_reader()
    agent = await Agent(world, reader).attach()
    for _ in range(12):
        world.clock.advance(seconds=25)
        assert isinstance(await agent.poll(), Idle)
        await world.gateway.attendance.note()
        await world.sweep()


@pytest.mark.parametrize("authorise", [False, True])
async def test_I8_a_session_that_read_a_card_is_abandoned_at_its_deadline(
    world: World, authorise: bool
) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    agent, page = await (authorised if authorise else session_with_card)(world, reader)
    world.clock.advance(minutes=MINUTES_45, microseconds=-1)
    await world.sweep()
    assert (await page.state())[0] in ("CARD_READ", "AUTHORISED")
    world.clock.advance(microseconds=1)
    assert await agent.poll() == Over("ABANDONED", "SESSION_ENDED")
    assert await page.reset_pin(NEW_PINS[0]) == ("SESSION_ENDED" if authorise else "NOT_AUTHORISED")
    await world.sweep()
    await world.sweep()

    assert await page.state() == ("ABANDONED", "SESSION_ENDED")
    assert await world.outcomes() == [("ABANDONED", "SESSION_ENDED")]


async def test_a_session_without_a_card_is_abandoned_in_silence(world: World) -> None:
    reader, _ = card_in_reader()
    reader.present = False
    page = await Page(world, await Agent(world, reader).attach()).start()
    world.clock.advance(minutes=MINUTES_45)
    await world.sweep()

    assert (await page.state())[0] == "ABANDONED"
    assert await world.outcomes() == []


async def test_a_question_nobody_answers_goes_back_after_5_minutes(world: World) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PINS[0])
    assert isinstance(await agent.poll(), Order)
    world.clock.advance(minutes=4, seconds=59)
    await world.sweep()
    assert (await page.state())[0] == "PROVING"
    world.clock.advance(seconds=1)
    await world.sweep()

    assert await page.state() == ("AUTHORISED", "PROOF_TIMED_OUT")


async def prepared_but_not_fetched(world: World) -> tuple[Agent, Page]:
    """A gateway that died between the proof and SENT, and an agent that lost the answer."""
    reader, line = card_in_reader()
    await world.import_line(line)
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PINS[0])
    proof = await agent.poll()
    assert isinstance(proof, Order)
    report = agent.run(proof)
    await world.gateway.agents._proving.report(agent.session_id, proof.step, report)
    return agent, page


@pytest.mark.parametrize("by_the_agent", [True, False])
async def test_F3_a_reset_fetched_too_late_is_cancelled_and_nothing_leaves(
    world: World, by_the_agent: bool
) -> None:
    agent, page = await prepared_but_not_fetched(world)
    assert [row.state for row in await world.journal()] == [RowState.PREPARED]
    world.clock.advance(seconds=10)
    if by_the_agent:
        assert isinstance(await agent.poll(), Idle)
    else:
        await world.sweep()

    assert await page.state() == ("AUTHORISED", "PROOF_TIMED_OUT")
    assert [row.state for row in await world.journal()] == [RowState.CANCELLED]
    assert await world.events("SecretReleased") == []
    assert await world.puks_possible() == {padded(OLD_PUK)}


async def test_a_reset_fetched_in_time_is_given_again_and_past_its_time_without_secrets(world: World) -> None:
    agent, page = await prepared_but_not_fetched(world)
    world.clock.advance(seconds=9)
    first, second = await agent.poll(), await agent.poll()
    assert isinstance(first, Order)
    assert isinstance(second, Order)
    assert first.script == second.script
    world.clock.advance(seconds=1)
    late = await agent.poll()
    assert isinstance(late, Order)
    assert (late.step.step_id, late.script.steps, late.step.sealed_pin) == (first.step.step_id, (), b"")
    await agent.do(late)

    assert await page.state() == ("AUTHORISED", "INTERRUPTED")
    assert await world.puks_possible() == {padded(OLD_PUK)}


async def unknown_session(world: World, reason: Reason, acted: bool) -> tuple[Agent, Page]:
    """A reset of which nothing was heard, because the agent died with it."""
    reader, line = card_in_reader(blocked=reason is Reason.LOCKED)
    await world.import_line(line)
    agent, page = await authorised(world, reader, reason)
    await page.reset_pin(NEW_PINS[0])
    proof = await agent.poll()
    assert isinstance(proof, Order)
    reset = await agent.do(proof)
    assert reset is not None
    if not acted:
        reader.arm("drop_before", 0)
    agent.run(reset)
    world.clock.advance(seconds=70)
    await world.sweep()
    reader.reinsert()
    assert (await page.state())[0] == "UNKNOWN"
    return agent, page


async def test_UNKNOWN_is_RESOLVED_when_the_card_is_unblocked(world: World) -> None:
    agent, page = await unknown_session(world, Reason.LOCKED, acted=True)
    await agent.work()

    assert await page.state() == ("RESOLVED", "")
    assert (await page.see()).session.resolved_success
    assert await world.outcomes() == [("UNKNOWN", "OUTCOME_UNKNOWN"), ("RESOLVED", "")]


async def test_UNKNOWN_that_is_still_blocked_goes_back_and_fails_at_the_deadline(world: World) -> None:
    agent, page = await unknown_session(world, Reason.LOCKED, acted=False)
    await agent.work()
    assert await page.state() == ("AUTHORISED", "OUTCOME_UNKNOWN")
    world.clock.advance(minutes=MINUTES_45)
    await world.sweep()

    assert await page.state() == ("RESOLVED", "STILL_BLOCKED")
    assert await world.outcomes() == [("UNKNOWN", "OUTCOME_UNKNOWN"), ("RESOLVED", "STILL_BLOCKED")]


async def test_UNKNOWN_of_a_forgotten_passcode_is_never_guessed(world: World) -> None:
    agent, page = await unknown_session(world, Reason.FORGOTTEN, acted=True)
    await agent.work()
    assert await page.state() == ("AUTHORISED", "OUTCOME_UNKNOWN")
    world.clock.advance(minutes=MINUTES_45)
    await world.sweep()
    await world.sweep()

    assert await page.state() == ("UNKNOWN", "OUTCOME_UNKNOWN")
    assert await world.outcomes() == [("UNKNOWN", "OUTCOME_UNKNOWN")]


@pytest.mark.parametrize(("acted", "success"), [(True, True), (False, False)])
async def test_UNKNOWN_past_its_deadline_is_settled_by_a_later_session(
    world: World, acted: bool, success: bool
) -> None:
    agent, page = await unknown_session(world, Reason.LOCKED, acted)
    world.clock.advance(minutes=MINUTES_45)
    await world.sweep()
    assert (await page.state())[0] == "UNKNOWN"
    assert isinstance(await agent.poll(), Over)
    await session_with_card(world, agent.reader)

    assert (await page.state())[0] == "RESOLVED"
    assert (await page.see()).session.resolved_success is success


async def test_a_late_report_says_what_nobody_knew(world: World) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PINS[0])
    proof = await agent.poll()
    assert isinstance(proof, Order)
    reset = await agent.do(proof)
    assert reset is not None
    report = agent.run(reset)
    world.clock.advance(seconds=70)
    await world.sweep()
    assert (await page.state())[0] == "UNKNOWN"
    await agent.send(reset, report)

    assert await page.state() == ("SUCCESS", "")
    assert await world.outcomes() == [("UNKNOWN", "OUTCOME_UNKNOWN"), ("SUCCESS", "")]
    assert await world.puks_possible() == {reader.eeprom.puk}


async def test_old_sessions_are_forgotten_and_the_journal_is_not(world: World) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PINS[0])
    await agent.work()
    world.clock.advance(days=31)
    await world.gateway.sweeping.forget()

    with pytest.raises(ServiceError, match="SESSION_UNKNOWN"):
        await page.see()
    assert len(await world.journal()) == 1
