"""Reason CHANGE through the gateway: proven by the current PIN, never guessed, and no way to a reset."""

from dataclasses import replace
from typing import Any

import pytest

from services.card_gateway.card import profiles
from services.card_gateway.card.profiles import piv
from services.card_gateway.card.script import End, Kind, Report
from services.card_gateway.domain.words import Reason, SecretLabel
from services.card_gateway.use_cases import commits
from services.card_gateway.use_cases.orders import Order
from services.runtime.errors import ServiceError
from tests.ports.card_gateway.world import (
    NEW_PINS,
    OLD_PIN,
    OLD_PUK,
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

NEW_PIN, OTHER_PIN = NEW_PINS[0], NEW_PINS[1]
CHANGE_APDUS = 5  # select, CHUID, clear, tries, change
PULLS = [(kind, at) for kind in ("drop_before", "drop_after", "empty") for at in range(CHANGE_APDUS)]
CRASHES = [
    f"{name}.{side}_commit"
    for name in (commits.RESET_PIN, commits.REPORT_PROVE, commits.FETCH_RESET, commits.REPORT_RESET)
    for side in ("before", "after")
]


async def changing(world: World, **wishes: Any) -> tuple[Reader, Agent, Page]:
    reader, line = card_in_reader(**({"blocked": False} | wishes))
    await world.import_line(line)
    agent, page = await session_with_card(world, reader, Reason.CHANGE)
    return reader, agent, page


async def to_the_change(page: Page, agent: Agent, current: str = OLD_PIN) -> Order:
    """Ask for a change and prove the card; the order that carries the passcodes."""
    assert await page.reset_pin(NEW_PIN, current=current) == ""
    proof = await agent.poll()
    assert isinstance(proof, Order)
    order = await agent.do(proof)
    assert order is not None
    assert order.script.kind is Kind.CHANGE
    return order


async def test_R2_a_change_needs_no_code_and_leaves_puk_and_journal_alone(world: World) -> None:
    reader, agent, page = await changing(world)
    secret = await world.secret()
    assert not (await page.see()).code_needed
    assert await page.reset_pin(NEW_PIN, current=OLD_PIN) == ""
    await agent.work()

    assert await page.state() == ("SUCCESS", "")
    assert (reader.eeprom.pin, reader.eeprom.puk) == (padded(NEW_PIN), padded(OLD_PUK))
    assert await world.journal() == []
    assert await world.secret() == secret


async def test_R2_the_outcome_of_a_change_names_reason_holder_and_address_and_no_secret(world: World) -> None:
    _, agent, page = await changing(world)
    await page.reset_pin(NEW_PIN, current=OLD_PIN)
    await agent.work()
    (told,) = await world.events("SessionOutcome")

    assert told.reason == 3  # REASON_CHANGE
    assert (told.route, told.holder_ref, told.address_version) == (1, "a1" * 16, 1)
    assert (told.puk_version, told.master_kid) == (0, "")
    assert (await page.see()).session.label is SecretLabel.NONE
    assert await world.events("SecretReleased") == []


async def test_a_wrong_current_pin_leads_back_with_the_tries_left_and_the_right_one_ends_it(
    world: World,
) -> None:
    reader, agent, page = await changing(world)
    await page.reset_pin(NEW_PIN, current=OTHER_PIN)
    await agent.work()
    assert await page.state() == ("CARD_READ", "CURRENT_PIN_WRONG")
    assert (await page.see()).session.knows_card().pin_tries_left == reader.eeprom.pin_left

    await page.reset_pin(NEW_PIN, current=OLD_PIN)
    await agent.work()
    assert await page.state() == ("SUCCESS", "")
    assert await world.outcomes() == [("SUCCESS", "")]


async def test_the_last_try_is_sent_only_where_the_person_asked_for_it(world: World) -> None:
    reader, agent, page = await changing(world, pin_tries=3)
    reader.eeprom.pin_left = 1
    assert await page.reset_pin(NEW_PIN, current=OTHER_PIN) == ""  # the gateway read 3 tries before
    await agent.work()
    assert await page.state() == ("CARD_READ", "LAST_TRY")
    assert await page.reset_pin(NEW_PIN, current=OTHER_PIN) == "LAST_TRY"
    assert reader.eeprom.pin_left == 1

    assert await page.reset_pin(NEW_PIN, current=OTHER_PIN, last_try=True) == ""
    proof = await agent.poll()
    assert isinstance(proof, Order)
    assert proof.question is not None
    assert proof.question.last_try
    await agent.work()
    assert await page.state() == ("CARD_READ", "CARD_LOCKED")
    assert (await page.see()).objection == "CARD_LOCKED"
    assert await page.reset_pin(NEW_PIN, current=OLD_PIN) == "CARD_LOCKED"


async def test_R2_a_card_that_was_locked_on_the_way_goes_on_as_locked_in_the_same_session(
    world: World,
) -> None:
    reader, agent, page = await changing(world, pin_tries=3)
    for wrong in NEW_PINS[1:4]:
        await page.reset_pin(NEW_PIN, current=wrong, last_try=True)
        await agent.work()
    assert (await page.see()).objection == "CARD_LOCKED"

    assert await page.change_reason(Reason.LOCKED) == ""
    assert (await page.see()).code_needed
    assert await page.authorise() == ""
    assert await page.reset_pin(NEW_PIN) == ""
    await agent.work()
    (told,) = await world.events("SessionOutcome")
    assert (await page.state(), told.reason) == (("SUCCESS", ""), 1)
    assert reader.eeprom.pin == padded(NEW_PIN)
    assert await world.puks_possible() == {reader.eeprom.puk}


@pytest.mark.parametrize(("kind", "at"), PULLS)
async def test_F16_a_card_pulled_in_a_change_never_ends_in_a_wrong_word(
    world: World, kind: str, at: int
) -> None:
    reader, agent, page = await changing(world)
    order = await to_the_change(page, agent)
    reader.arm(kind, at)
    await agent.do(order)
    state, _ = await page.state()
    changed = reader.eeprom.pin == padded(NEW_PIN)
    assert state == ("UNKNOWN" if at == CHANGE_APDUS - 1 else "CARD_READ")

    reader.reinsert()
    await agent.work()
    assert (await page.state())[0] == "CARD_READ"  # no READ tells which PIN stands
    stands, wanted = (NEW_PIN, OTHER_PIN) if changed else (OLD_PIN, NEW_PIN)
    assert await page.reset_pin(wanted, current=stands) == ""
    await agent.work()
    assert await page.state() == ("SUCCESS", "")
    assert reader.eeprom.pin == padded(wanted)
    assert reader.eeprom.puk == padded(OLD_PUK)


async def test_R53_an_unknown_change_that_nobody_proves_stays_unknown(world: World) -> None:
    reader, agent, page = await changing(world)
    order = await to_the_change(page, agent)
    reader.arm("drop_after", CHANGE_APDUS - 1)
    await agent.do(order)
    reader.reinsert()
    await agent.work()
    assert await page.state() == ("CARD_READ", "OUTCOME_UNKNOWN")

    world.clock.advance(minutes=46)
    await world.sweep()
    assert await page.state() == ("UNKNOWN", "OUTCOME_UNKNOWN")
    assert await world.outcomes() == [("UNKNOWN", "OUTCOME_UNKNOWN")]


@pytest.mark.parametrize("point", CRASHES)
async def test_F1_a_gateway_that_dies_in_a_change_changes_nothing_of_its_end(
    world: World, point: str
) -> None:
    reader, agent, page = await changing(world)
    with crash_at(point) as hits:
        assert await page.reset_pin(NEW_PIN, current=OLD_PIN) == ""
        await agent.work()
    world.restart()
    await agent.work()

    assert hits
    assert await page.state() == ("SUCCESS", "")
    assert await world.outcomes() == [("SUCCESS", "")]
    assert reader.eeprom.pin == padded(NEW_PIN)
    assert reader.eeprom.wrong_pin_tries == 0


async def test_F15_an_agent_that_never_reports_a_change_leaves_it_unknown_until_its_report_comes(
    world: World,
) -> None:
    _, agent, page = await changing(world)
    order = await to_the_change(page, agent)
    report = agent.run(order)
    world.clock.advance(seconds=71)
    await world.sweep()
    assert await page.state() == ("UNKNOWN", "OUTCOME_UNKNOWN")

    await agent.send(order, report)
    assert await page.state() == ("SUCCESS", "")
    assert await world.outcomes() == [("UNKNOWN", "OUTCOME_UNKNOWN"), ("SUCCESS", "")]


async def test_a_change_that_was_never_fetched_is_as_if_it_had_not_been_asked_for(world: World) -> None:
    _, agent, page = await changing(world)
    await page.reset_pin(NEW_PIN, current=OLD_PIN)
    proof = await agent.poll()
    assert isinstance(proof, Order)
    with crash_at(f"{commits.FETCH_RESET}.before_commit", times=9), pytest.raises(Exception, match="fetch"):
        await agent.do(proof)
    world.clock.advance(seconds=11)
    await world.sweep()

    assert await page.state() == ("CARD_READ", "PROOF_TIMED_OUT")


async def test_F3_a_change_fetched_too_late_goes_out_without_its_script(world: World) -> None:
    _, agent, page = await changing(world)
    await to_the_change(page, agent)
    world.clock.advance(seconds=10)
    again = await agent.poll()

    assert isinstance(again, Order)
    assert (again.script.steps, again.step.sealed_pin, again.step.sealed_current_pin) == ((), b"", b"")
    await agent.send(again, Report((), End.NOT_RUN))
    assert await page.state() == ("CARD_READ", "INTERRUPTED")


async def test_I2_a_reset_without_the_current_pin_is_not_to_be_had_in_a_change(world: World) -> None:
    reader, _, page = await changing(world)

    with pytest.raises(ServiceError, match="BAD_REQUEST"):
        await page.reset_pin(NEW_PIN)
    assert await world.events("SecretReleased") == []
    assert reader.eeprom.log == []


@pytest.mark.parametrize("reason", [Reason.LOCKED, Reason.FORGOTTEN])
async def test_I2_a_current_pin_opens_nothing_where_a_code_is_needed(world: World, reason: Reason) -> None:
    reader, line = card_in_reader(blocked=reason is Reason.LOCKED)
    await world.import_line(line)
    _, page = await session_with_card(world, reader, reason)

    with pytest.raises(ServiceError, match="BAD_REQUEST"):
        await page.reset_pin(NEW_PIN, current=OLD_PIN)
    assert await page.reset_pin(NEW_PIN) == "NOT_AUTHORISED"


@pytest.mark.parametrize("reason", [Reason.LOCKED, Reason.FORGOTTEN])
async def test_I2_no_grant_of_a_change_counts_for_a_reset(world: World, reason: Reason) -> None:
    reader, agent, page = await changing(world)
    await page.reset_pin(NEW_PIN, current=OTHER_PIN)
    await agent.work()
    holder, unlock = page.holder_grant(), page.unlock_grant()
    assert holder.reason == unlock.reason == "CHANGE"
    assert await page.change_reason(reason) == ""

    assert await page.reset_pin(NEW_PIN, holder) == "NOT_AUTHORISED"
    assert await page.authorise(unlock, holder) == "GRANT_REFUSED"
    assert await page.authorise(unlock) == "GRANT_REFUSED"
    assert await page.authorise(None, holder) == "GRANT_REFUSED"
    assert await world.events("SecretReleased") == []
    assert reader.eeprom.puk_left == reader.eeprom.parameters.puk_tries


async def test_I2_an_authorised_session_keeps_its_reason(world: World) -> None:
    reader, line = card_in_reader(blocked=False)
    await world.import_line(line)
    _, page = await authorised(world, reader, Reason.FORGOTTEN)

    assert await page.change_reason(Reason.CHANGE) == "WRONG_STATE"


async def test_R2_with_change_needs_code_a_change_is_refused_until_a_code_was_redeemed(world: World) -> None:
    reader, agent, page = await changing(world)
    strict = replace(world.gateway.outside, change_needs_code=True)
    for part in (world.gateway.pages, world.gateway.agents):
        part._outside = strict
    assert (await page.see()).code_needed
    assert await page.reset_pin(NEW_PIN, current=OLD_PIN) == "NOT_AUTHORISED"

    assert await page.authorise() == ""
    await page.reset_pin(NEW_PIN, current=OTHER_PIN)
    await agent.work()
    assert await page.state() == ("AUTHORISED", "CURRENT_PIN_WRONG")
    await page.reset_pin(NEW_PIN, current=OLD_PIN)
    await agent.work()
    assert await page.state() == ("SUCCESS", "")
    assert reader.eeprom.pin == padded(NEW_PIN)


async def test_R2_a_card_without_a_known_puk_can_change_its_pin_and_not_be_reset(world: World) -> None:
    reader, line = card_in_reader(blocked=False)
    del line["puk"]
    await world.import_line(line)
    agent, page = await session_with_card(world, reader, Reason.CHANGE)
    assert await page.change_reason(Reason.FORGOTTEN) == "ERR1009"

    await page.reset_pin(NEW_PIN, current=OLD_PIN)
    await agent.work()
    assert await page.state() == ("SUCCESS", "")


async def test_R2_a_forgotten_passcode_on_a_locked_card_goes_on_as_locked(world: World) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    agent, page = await authorised(world, reader, Reason.FORGOTTEN)
    await page.reset_pin(NEW_PIN)
    await agent.work()

    (told,) = await world.events("SessionOutcome")
    assert (told.reason, await page.state()) == (1, ("SUCCESS", ""))


@pytest.mark.parametrize(
    ("reason", "blocked", "only_blocked", "objection"),
    [
        (Reason.LOCKED, True, False, ""),
        (Reason.LOCKED, False, False, "CARD_NOT_LOCKED"),
        (Reason.FORGOTTEN, False, False, ""),
        (Reason.FORGOTTEN, False, True, "UNBLOCKS_ONLY_BLOCKED"),
        (Reason.FORGOTTEN, True, True, ""),
        (Reason.CHANGE, False, True, ""),
        (Reason.CHANGE, True, False, "CARD_LOCKED"),
    ],
)
async def test_R2_a_reason_that_does_not_fit_the_card_is_told_before_any_code(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    reason: Reason,
    blocked: bool,
    only_blocked: bool,
    objection: str,
) -> None:
    monkeypatch.setattr(piv, "UNBLOCKS_ONLY_BLOCKED", only_blocked)
    reader, line = card_in_reader(blocked=blocked, only_when_blocked=only_blocked)
    await world.import_line(line)
    _, page = await session_with_card(world, reader, reason)

    assert (await page.see()).objection == objection
    if objection == "UNBLOCKS_ONLY_BLOCKED":
        assert await page.authorise() == objection


async def test_a_kind_of_card_without_a_change_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles.BY_KIND["PIV"], "CHANGE", None)
    _, _, page = await changing(world)

    assert (await page.see()).objection == "CHANGE_UNSUPPORTED"
    assert await page.reset_pin(NEW_PIN, current=OLD_PIN) == "CHANGE_UNSUPPORTED"
