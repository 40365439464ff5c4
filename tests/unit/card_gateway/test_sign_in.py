"""Signing in by card: the PIN is verified once, the 9A key that was pinned signs, and nothing else counts."""

from dataclasses import replace
from typing import Any

import pytest

from deploy.local.virtual_card import make_card
from services.card_gateway.card.script import Answer, End, Kind, Report
from services.card_gateway.domain.readers import ReaderState
from services.card_gateway.domain.session import ATTENDED_FOR
from services.card_gateway.domain.words import Reason
from services.card_gateway.use_cases import commits
from services.card_gateway.use_cases.orders import Idle, Order, Over
from services.runtime.errors import ServiceError
from services.runtime.grants import CardGrant, GrantVerifier
from tests.ports.card_gateway.world import (
    NEW_PINS,
    OLD_PIN,
    Agent,
    Page,
    Reader,
    World,
    card_in_reader,
    crash_at,
    gids_card_in_reader,
    padded,
    session_with_card,
)

WRONG_PIN = NEW_PINS[0]
APDUS = 6  # select, CHUID, clear, tries, verify, sign
VERIFY, SIGN = 4, 5
PULLS = [(kind, at) for kind in ("drop_before", "drop_after", "empty") for at in range(APDUS)]
CRASHES = [
    f"{name}.{side}_commit"
    for name in (commits.PROVE_HOLDER, commits.REPORT_PROVE_HOLDER)
    for side in ("before", "after")
]


async def signing_in(world: World, **wishes: Any) -> tuple[Reader, Agent, Page]:
    reader, line = card_in_reader(**({"blocked": False} | wishes))
    assert await world.import_line(line) == []
    agent, page = await session_with_card(world, reader, Reason.SIGN_IN)
    return reader, agent, page


async def ordered(page: Page, agent: Agent, pin: str = OLD_PIN) -> Order:
    assert await page.prove_holder(pin) == ""
    order = await agent.poll()
    assert isinstance(order, Order)
    return order


def grant_of(world: World, token: str) -> CardGrant:
    return GrantVerifier.from_dir(world.keys.verify_dir, "identity", world.clock).verify(token, CardGrant)


async def test_R31_the_right_passcode_and_the_holders_key_give_a_grant_for_five_minutes(world: World) -> None:
    reader, agent, page = await signing_in(world)
    seen = await page.see()
    assert (seen.card_grant, seen.code_needed, seen.objection) == ("", False, "")
    order = await ordered(page, agent)
    assert order.question is not None
    assert (order.script.kind, order.question.reason) == (Kind.PROVE_HOLDER, "SIGN_IN")
    await agent.do(order)

    assert await page.state() == ("SUCCESS", "")
    grant = grant_of(world, (await page.see()).card_grant)
    assert (grant.level, grant.purpose, grant.reason) == ("HOLDER_VERIFIED", "PROFILE", "SIGN_IN")
    assert (reader.eeprom.pin, reader.eeprom.wrong_pin_tries) == (padded(OLD_PIN), 0)
    world.clock.advance(minutes=4, seconds=59)
    await agent.poll()
    assert (await page.see()).card_grant
    world.clock.advance(seconds=1)
    assert (await page.see()).card_grant == ""


async def test_D1_a_sign_in_is_told_once_and_lets_no_secret_out(world: World) -> None:
    reader, agent, page = await signing_in(world)
    await agent.do(await ordered(page, agent))
    assert await agent.poll() == Idle(None, claimed=True, signed_in=True)
    reader.present = False
    assert await agent.poll() == Over("SIGNED_IN", "")

    (told,) = await world.events("SessionOutcome")
    assert (told.kind, told.reason, told.address_version, told.master_kid) == (1, 4, 0, "")
    assert await world.events("SecretReleased") == []
    assert await world.journal() == []


@pytest.mark.parametrize("left", ["told", "unsure", "silent", "time"])
async def test_R31_R56_a_card_that_left_proves_its_holder_no_more(world: World, left: str) -> None:
    reader, agent, page = await signing_in(world)
    await agent.do(await ordered(page, agent))
    await agent.poll()
    seen = await page.see()
    assert (bool(seen.card_grant), seen.reader, seen.session.code) == (True, ReaderState.CARD, "")
    if left == "told":
        reader.present = False
        await agent.poll()
        reader.reinsert()
        await agent.poll()
    elif left == "unsure":  # the card is in, and was not all the time as far as the agent knows
        call = agent.session_id, agent.token, ReaderState.CARD, 0
        assert await world.gateway.agents.next_step(*call, card_left=True) == Over("SIGNED_IN", "")
    else:
        world.clock.advance(seconds=36 if left == "silent" else ATTENDED_FOR.total_seconds())

    seen = await page.see()
    assert seen.card_grant == ""
    assert (seen.session.code, seen.reader is ReaderState.CARD) in (("CARD_LEFT", True), ("", False))
    if left != "silent":
        assert await agent.poll() == Over("SIGNED_IN", "")
    assert len(await world.events("SessionOutcome")) == 1


async def test_R31_a_wrong_passcode_leads_back_with_the_tries_left(world: World) -> None:
    reader, agent, page = await signing_in(world)
    await agent.do(await ordered(page, agent, WRONG_PIN))
    assert await page.state() == ("CARD_READ", "CURRENT_PIN_WRONG")
    seen = await page.see()
    assert (seen.session.knows_card().pin_tries_left, seen.card_grant) == (reader.eeprom.pin_left, "")

    await agent.do(await ordered(page, agent))
    assert await page.state() == ("SUCCESS", "")


async def test_R31_the_last_try_is_spent_only_where_the_person_asked_for_it(world: World) -> None:
    reader, agent, page = await signing_in(world)
    reader.eeprom.pin_left = 1
    await agent.do(await ordered(page, agent, WRONG_PIN))  # the gateway had read more tries
    assert await page.state() == ("CARD_READ", "LAST_TRY")
    assert reader.eeprom.pin_left == 1
    assert await page.prove_holder(WRONG_PIN) == "LAST_TRY"

    assert await page.prove_holder(WRONG_PIN, last_try=True) == ""
    await agent.work()
    assert await page.state() == ("CARD_READ", "CARD_LOCKED")
    assert (await page.see()).objection == "CARD_LOCKED"
    assert await page.prove_holder(OLD_PIN) == "CARD_LOCKED"


async def test_R31_R56_nobody_signs_in_with_a_blocked_card_but_may_unlock_it_in_the_same_session(
    world: World,
) -> None:
    _, _, page = await signing_in(world, blocked=True)
    assert (await page.see()).objection == "CARD_LOCKED"
    assert await page.prove_holder(OLD_PIN) == "CARD_LOCKED"

    assert await page.change_reason(Reason.LOCKED) == ""
    assert (await page.see()).code_needed
    assert await page.change_reason(Reason.SIGN_IN) == "WRONG_STATE"


async def test_a_card_whose_holders_key_was_never_pinned_signs_nobody_in(world: World) -> None:
    reader, line = card_in_reader(blocked=False)
    await world.import_line({name: value for name, value in line.items() if name != "key_9a"})
    _, page = await session_with_card(world, reader, Reason.SIGN_IN)
    assert await page.state() == ("FAILED", "SIGN_IN_UNSUPPORTED")

    assert await world.import_line(line) == []  # filled in
    reader.reinsert()
    _, page = await session_with_card(world, reader, Reason.SIGN_IN)
    assert (await page.state())[0] == "CARD_READ"


async def test_a_minidriver_card_signs_nobody_in(world: World) -> None:
    reader, line = gids_card_in_reader(blocked=False)
    assert await world.import_line(line) == []
    _, page = await session_with_card(world, reader, Reason.SIGN_IN)

    assert await page.state() == ("FAILED", "SIGN_IN_UNSUPPORTED")


async def test_a_thief_with_the_card_and_a_key_of_their_own_is_not_its_holder(world: World) -> None:
    reader, agent, page = await signing_in(world)
    strangers, _ = make_card(pin=OLD_PIN, puk="40718263", blocked=False)
    reader.eeprom.keys["9A"] = strangers.keys["9A"]
    await agent.do(await ordered(page, agent))

    assert await page.state() == ("FAILED", "CARD_NOT_GENUINE")
    assert (await page.see()).card_grant == ""


@pytest.mark.parametrize("key", ["P256", "RSA2048"])
async def test_R31_both_kinds_of_key_that_cards_have_sign_in(world: World, key: str) -> None:
    _, agent, page = await signing_in(world, key_9a=key)
    await agent.do(await ordered(page, agent))

    assert await page.state() == ("SUCCESS", "")


@pytest.mark.parametrize("other", ["step", "key"])
async def test_I2_a_signature_of_anything_else_is_none_of_this_sign_in(world: World, other: str) -> None:
    reader, agent, page = await signing_in(world)
    order = await ordered(page, agent)
    if other == "step":
        order = replace(order, step=replace(order.step, nonce=bytes(32)))
    else:
        reader.eeprom.keys["9A"] = reader.eeprom.keys["9E"]
    await agent.send(order, agent._run(order))

    assert await page.state() == ("FAILED", "CARD_NOT_GENUINE")


async def test_a_report_that_claims_the_pin_was_right_without_a_signature_proves_nothing(
    world: World,
) -> None:
    _, agent, page = await signing_in(world)
    order = await ordered(page, agent)
    answers = tuple(Answer(step.name, 0x9000) for step in order.script.steps)
    await agent.send(order, Report(answers, End.COMPLETED))

    assert (await page.state())[0] == "CARD_READ"
    assert (await page.see()).card_grant == ""


@pytest.mark.parametrize(("kind", "at"), PULLS)
async def test_F16_a_card_pulled_in_a_sign_in_costs_nothing_and_the_person_may_go_on(
    world: World, kind: str, at: int
) -> None:
    reader, agent, page = await signing_in(world)
    order = await ordered(page, agent)
    reader.arm(kind, at)
    await agent.do(order)
    assert (await page.state())[0] == "CARD_READ"

    reader.reinsert()
    await agent.do(await ordered(page, agent))
    assert await page.state() == ("SUCCESS", "")
    assert await world.outcomes() == [("SUCCESS", "")]


@pytest.mark.parametrize("point", CRASHES)
async def test_F1_a_gateway_that_dies_in_a_sign_in_changes_nothing_of_its_end(
    world: World, point: str
) -> None:
    reader, agent, page = await signing_in(world)
    with crash_at(point) as hits:
        assert await page.prove_holder(OLD_PIN) == ""
        await agent.work()
    world.restart()
    await agent.work()

    assert hits
    assert await page.state() == ("SUCCESS", "")
    assert reader.eeprom.wrong_pin_tries == 0


async def test_a_question_that_nobody_answers_leads_back_and_ends_at_the_deadline(world: World) -> None:
    _, agent, page = await signing_in(world)
    await ordered(page, agent)
    world.clock.advance(minutes=5)
    await world.sweep()
    assert await page.state() == ("CARD_READ", "PROOF_TIMED_OUT")

    world.clock.advance(minutes=41)
    await world.sweep()
    assert (await page.state())[0] == "ABANDONED"


async def test_I2_a_sign_in_opens_no_way_to_a_reset(world: World) -> None:
    _, agent, page = await signing_in(world)
    assert await page.authorise() == "GRANT_REFUSED"
    assert await page.reset_pin(WRONG_PIN) == "NOT_AUTHORISED"
    with pytest.raises(ServiceError):
        await page.reset_pin(WRONG_PIN, current=OLD_PIN)
    await agent.do(await ordered(page, agent))

    assert await page.authorise() == "SESSION_ENDED"
    assert await page.reset_pin(WRONG_PIN) in ("NOT_AUTHORISED", "SESSION_ENDED", "WRONG_STATE")


async def test_an_unlock_session_proves_no_holder(world: World) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    _, page = await session_with_card(world, reader)

    assert await page.prove_holder(OLD_PIN) == "WRONG_STATE"


async def test_R31_where_passcodes_are_typed_at_the_agent_a_page_seals_none(world: World) -> None:
    _, agent, page = await signing_in(world)
    world.pin_at_agent = True
    world.restart()
    with pytest.raises(ServiceError):
        await page.prove_holder(OLD_PIN)

    assert await page.prove_holder("") == ""
    order = await agent.poll()
    assert isinstance(order, Order)
    assert order.question is not None
    assert order.question.pin_at_agent
    await agent.send(order, Report((), End.REFUSED, rule="SEALED_PIN_REFUSED"))
    assert await page.state() == ("CARD_READ", "SEALED_PIN_REFUSED")
