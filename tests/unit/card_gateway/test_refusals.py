"""What a READ, a PROVE or a page is refused, and that each refusal is told as it must be."""

from datetime import datetime

import pytest

from services.card_gateway.card import runner
from services.card_gateway.card.proof import Purpose, challenge_digest
from services.card_gateway.domain.readers import ReaderState
from services.card_gateway.domain.words import Reason
from services.card_gateway.master_keys import FileKeyProvider
from services.card_gateway.use_cases.claiming import Caller, Claimed, Pairing
from services.card_gateway.use_cases.orders import Idle, Order, Over
from services.card_gateway.vault import MasterVault
from services.runtime.errors import ServiceError
from tests.ports.card_gateway.world import (
    GATEWAY_NAME,
    NEW_PINS,
    OLD_PIN,
    OLD_PUK,
    Agent,
    Page,
    Reader,
    World,
    authorised,
    card_in_reader,
    padded,
    session_with_card,
)


async def read_and_refused(world: World, reader: Reader, code: str) -> None:
    agent, page = await session_with_card(world, reader)
    assert await page.state() == ("FAILED", code)
    assert await world.outcomes(page.session_id) == [("FAILED", code)]
    assert (await page.see()).card_grant == ""
    assert await agent.poll() == Over("FAILED", code)
    assert reader.eeprom.wrong_puk_tries == 0


async def test_R45_a_card_that_is_not_ours_is_refused(world: World) -> None:
    reader, _ = card_in_reader()
    await read_and_refused(world, reader, "CARD_UNKNOWN")


async def test_R10_a_card_without_a_secret_is_ERR1009(world: World) -> None:
    reader, line = card_in_reader()
    del line["puk"]
    await world.import_line(line)
    await read_and_refused(world, reader, "ERR1009")


async def test_R45_a_fake_with_the_right_identifier_is_refused_and_names_no_card(world: World) -> None:
    fake, line = card_in_reader()
    _, other = card_in_reader()
    await world.import_line(line | {"key_9e": other["key_9e"]})
    await read_and_refused(world, fake, "CARD_NOT_GENUINE")

    assert [each.card_ref for each in await world.events("CardRead")] == [""]


async def test_a_card_of_no_known_kind_is_refused(world: World) -> None:
    reader, _ = card_in_reader()
    reader.arm("status", 0, 0x6A82)
    agent = await Agent(world, reader).attach()
    page = await Page(world, agent).start()
    await agent.work(turns=1)

    assert await page.state() == ("FAILED", "UNSUPPORTED_CARD")


async def test_a_card_whose_passcode_is_a_global_pin_is_refused_by_name(world: World) -> None:
    reader, line = card_in_reader(pin_policy="6020")
    await world.import_line(line)
    await read_and_refused(world, reader, "PIN_IS_GLOBAL")


async def test_a_card_pulled_while_it_was_read_is_read_again(world: World) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    agent = await Agent(world, reader).attach()
    page = await Page(world, agent).start()
    reader.arm("drop_before", 2)
    await agent.work(turns=1)
    assert await page.state() == ("ATTACHED", "CARD_REMOVED")
    reader.reinsert()
    assert isinstance(await agent.poll(), Idle)
    world.clock.advance(seconds=1)
    await agent.work()

    assert await page.state() == ("CARD_READ", "")


@pytest.mark.parametrize("facts", [state for state in ReaderState if state is not ReaderState.CARD])
async def test_R45_a_card_is_read_only_where_there_is_exactly_one(world: World, facts: ReaderState) -> None:
    reader, _ = card_in_reader()
    agent = await Agent(world, reader).attach()
    page = await Page(world, agent).start()
    found = await world.gateway.agents.next_step(agent.session_id, agent.token, facts, 0)

    assert isinstance(found, Idle)
    assert (await page.see()).reader is facts


async def test_an_agent_that_is_silent_is_away(world: World) -> None:
    reader, _ = card_in_reader()
    page = await Page(world, await Agent(world, reader).attach()).start()
    assert (await page.see()).reader is ReaderState.CARD
    world.clock.advance(seconds=36)

    assert (await page.see()).reader is ReaderState.AGENT_AWAY


async def test_another_card_at_the_proof_gets_no_secret(world: World) -> None:
    reader, line = card_in_reader()
    other, other_line = card_in_reader()
    await world.import_line(line)
    await world.import_line(other_line | {"card_ref": "d2" * 16})
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PINS[0])
    agent.reader = other
    await agent.work()

    assert await page.state() == ("AUTHORISED", "CARD_CHANGED")
    assert await world.events("SecretReleased") == []
    assert other.eeprom.puk_left == other.eeprom.parameters.puk_tries


async def test_a_swap_between_proof_and_reset_costs_no_try(world: World) -> None:
    reader, line = card_in_reader()
    other, _ = card_in_reader()
    await world.import_line(line)
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PINS[0])
    proof = await agent.poll()
    assert isinstance(proof, Order)
    reset = await agent.do(proof)
    assert reset is not None
    agent.reader = other
    await agent.do(reset)

    assert await page.state() == ("AUTHORISED", "CARD_CHANGED")
    assert (other.eeprom.wrong_puk_tries, other.eeprom.pin) == (0, padded(OLD_PIN))
    assert await world.puks_possible() == {padded(OLD_PUK)}


async def test_a_wrong_secret_in_the_vault_ends_at_the_ra_and_is_tried_once(world: World) -> None:
    reader, line = card_in_reader()
    await world.import_line(line | {"puk": "99999999"})
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PINS[0])
    await agent.work()
    assert await page.state() == ("FAILED", "SECRET_MISMATCH")
    _, again = await session_with_card(world, reader)

    assert await again.state() == ("FAILED", "BUDGET_SPENT")
    assert reader.eeprom.wrong_puk_tries == 1


async def test_a_pin_the_card_refuses_goes_back_without_a_new_code(world: World) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PINS[0])
    proof = await agent.poll()
    assert isinstance(proof, Order)
    reset = await agent.do(proof)
    assert reset is not None
    reader.arm("status", 2, 0x6A80)
    await agent.do(reset)
    assert await page.state() == ("AUTHORISED", "PIN_REFUSED_BY_CARD")
    assert await page.reset_pin(NEW_PINS[1]) == ""
    await agent.work()

    assert await page.state() == ("SUCCESS", "")
    assert await world.outcomes() == [("SUCCESS", "")]


async def test_five_failed_resets_a_day_end_at_the_ra(world: World) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    agent, page = await authorised(world, reader)
    for _ in range(5):
        assert await page.reset_pin(NEW_PINS[0]) == ""
        proof = await agent.poll()
        assert isinstance(proof, Order)
        reset = await agent.do(proof)
        assert reset is not None
        reader.arm("status", 2, 0x6F00)
        await agent.do(reset)
        assert (await page.state())[0] == "UNKNOWN"
        await agent.work()

    assert await page.reset_pin(NEW_PINS[0]) == "BUDGET_SPENT"
    assert await world.outcomes() == [("UNKNOWN", "OUTCOME_UNKNOWN")]
    world.clock.advance(hours=25)
    _, later = await session_with_card(world, reader)
    assert await later.state() == ("CARD_READ", "")


async def test_S13_a_typed_code_claims_once_and_forgives_its_spelling(world: World) -> None:
    reader, _ = card_in_reader()
    agent = await Agent(world, reader).attach()
    typed = Pairing(pairing_code=f" {agent.offer.code[:3].lower()}-{agent.offer.code[3:]} ")
    start = world.gateway.claiming.start_session
    attempt = world.randomness.uuid7()
    first = await start(typed, Caller(Reason.LOCKED), attempt, "192.0.2.1")
    again = await start(typed, Caller(Reason.LOCKED), attempt, "192.0.2.1")
    other = await start(typed, Caller(Reason.LOCKED), world.randomness.uuid7(), "192.0.2.2")

    assert isinstance(first, Claimed)
    assert isinstance(again, Claimed)
    assert again.claim == first.claim
    assert other == "PAIRING_UNKNOWN"


async def test_S13_an_offer_is_refused_at_120_seconds(world: World) -> None:
    reader, _ = card_in_reader()
    agent = await Agent(world, reader).attach()
    world.clock.advance(seconds=120)
    pairing = Pairing(address_token=agent.offer.token)
    start = world.gateway.claiming.start_session

    assert await start(pairing, Caller(Reason.LOCKED), world.randomness.uuid7(), "") == "PAIRING_UNKNOWN"


async def test_S13_guesses_are_limited_by_source_and_addresses_are_not(world: World) -> None:
    reader, _ = card_in_reader()
    agent = await Agent(world, reader).attach()
    start, attempt = world.gateway.claiming.start_session, world.randomness.uuid7
    wrong, right = Pairing(pairing_code="ZZZZ-ZZZZ"), Pairing(pairing_code=agent.offer.code)
    locked = Caller(Reason.LOCKED)
    for _ in range(10):
        answer = await start(wrong, locked, attempt(), "192.0.2.1")
        assert answer == "PAIRING_UNKNOWN"

    assert await start(right, locked, attempt(), "192.0.2.1") == "TOO_MANY_GUESSES"
    assert isinstance(await start(right, locked, attempt(), "192.0.2.2"), Claimed)


async def test_an_offer_is_renewed_while_nobody_claims_it_and_the_last_one_still_works(world: World) -> None:
    reader, _ = card_in_reader()
    agent = await Agent(world, reader).attach()
    world.clock.advance(seconds=95)
    found = await agent.poll()

    assert isinstance(found, Idle)
    assert found.offer is not None
    assert found.offer.token != agent.offer.token
    assert isinstance((await Page(world, agent).start()), Page)


async def test_S1_no_session_and_a_wrong_token_are_the_same(world: World) -> None:
    reader, _ = card_in_reader()
    agent = await Agent(world, reader).attach()
    page = await Page(world, agent).start()
    codes = set()
    for session_id, token in ((agent.session_id, "x"), ("none", page.claim), ("none", "x")):
        for call in (
            world.gateway.pages.get_session(session_id, token, 0, 0),
            world.gateway.agents.next_step(session_id, token, ReaderState.CARD, 0),
        ):
            with pytest.raises(ServiceError) as refused:
                await call
            codes.add((refused.value.code, refused.value.status))

    assert len(codes) == 1


async def test_F22_a_new_master_key_renews_the_offer_and_old_cards_still_open(world: World) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    agent, page = await authorised(world, reader)
    waiting = await Agent(world, card_in_reader()[0]).attach()
    keys = world.vault._keys
    assert isinstance(keys, FileKeyProvider)
    world.vault = MasterVault(FileKeyProvider(keys._keys | {"k2": bytes(32)}, "k2"), world.randomness)
    world.restart()
    found = await waiting.poll()
    assert isinstance(found, Idle)
    assert found.offer is not None
    waiting.offer = found.offer
    await Page(world, waiting).start()
    await page.reset_pin(NEW_PINS[0])
    await agent.work()

    assert await page.state() == ("SUCCESS", "")
    assert (await world.secret()).kid == "k2"
    assert await world.puks_possible() == {reader.eeprom.puk}


async def test_I2_a_twin_with_another_key_gets_no_secret_at_the_proof(world: World) -> None:
    reader, line = card_in_reader()
    guid, ends = bytes.fromhex(line["guid"]), datetime.fromisoformat(line["expires_at"])
    twin, _ = card_in_reader(guid=guid, not_after=ends)
    await world.import_line(line)
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PINS[0])
    agent.reader = twin
    await agent.work()

    assert await page.state() == ("FAILED", "CARD_NOT_GENUINE")
    assert await world.events("SecretReleased") == []
    assert await world.outcomes() == [("FAILED", "CARD_NOT_GENUINE")]


@pytest.mark.parametrize("lie", ["nonce", "purpose"])
async def test_I2_a_signature_for_anything_else_is_no_proof(world: World, lie: str) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    agent, page = await authorised(world, reader)
    await page.reset_pin(NEW_PINS[0])
    proof = await agent.poll()
    assert isinstance(proof, Order)
    nonce = bytes(32) if lie == "nonce" else proof.step.nonce
    purpose = Purpose.RESET if lie == "nonce" else Purpose.READ
    digest = challenge_digest(purpose, GATEWAY_NAME, agent.session_id, nonce, agent.public_key)
    report = runner.run(proof.script, reader.port, runner.Fill(digest=digest), reader.insertion)
    await agent.send(proof, report)

    assert await page.state() == ("FAILED", "CARD_NOT_GENUINE")
    assert await world.events("SecretReleased") == []
