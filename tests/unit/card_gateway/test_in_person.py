"""Route RA_IN_PERSON: an RA who is signed in by their own card vouches for the person beside them. R36."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from smartcard_unlock.common.v1 import common_pb2

from services.card_gateway.domain.words import Reason, Route
from services.card_gateway.use_cases.claiming import Caller, Claimed, Pairing
from services.runtime.errors import ServiceError
from services.runtime.grants import CardGrant, GrantSigner, GrantVerifier
from tests.ports.card_gateway.world import (
    HOLDER_REF,
    NEW_PINS,
    RA_REF,
    Agent,
    Page,
    World,
    card_in_reader,
    padded,
    session_with_card,
    signed,
)

OTHER_RA = "b9" * 16


async def card_read(world: World) -> tuple[Agent, Page]:
    reader, line = card_in_reader()
    await world.import_line(line)
    return await session_with_card(world, reader, ra=RA_REF)


async def claim(world: World, caller: Caller) -> Claimed | str:
    agent = await Agent(world, card_in_reader()[0]).attach()
    pairing = Pairing(address_token=agent.offer.token)
    return await world.gateway.claiming.start_session(pairing, caller, world.randomness.uuid7(), "")


def in_person(grant: str, reason: Reason = Reason.LOCKED) -> Caller:
    return Caller(reason, Route.RA_IN_PERSON, grant)


async def test_R36_an_ra_unlocks_a_card_and_the_record_names_route_and_ra(world: World) -> None:
    agent, page = await card_read(world)
    assert await page.authorise() == ""
    assert await page.reset_pin(NEW_PINS[0]) == ""
    await agent.work()

    assert await page.state() == ("SUCCESS", "")
    assert agent.reader.eeprom.pin == padded(NEW_PINS[0])
    assert await world.puks_possible() == {agent.reader.eeprom.puk}
    (outcome,) = await world.events("SessionOutcome")
    assert (outcome.route, outcome.reason) == (common_pb2.ROUTE_RA_IN_PERSON, common_pb2.REASON_LOCKED)
    assert (outcome.actor.kind, outcome.actor.ref) == (common_pb2.ACTOR_KIND_RA, RA_REF)
    assert outcome.holder_ref == HOLDER_REF


async def test_R36_the_card_grant_says_the_route(world: World) -> None:
    _, page = await card_read(world)
    token = (await page.see()).card_grant
    grant = GrantVerifier.from_dir(world.keys.verify_dir, "identity", world.clock).verify(token, CardGrant)

    assert (grant.route, grant.purpose, grant.level) == ("RA_IN_PERSON", "UNLOCK", "GENUINE")


@pytest.mark.parametrize(
    "changes",
    [{"roles": ""}, {"roles": "AUDITOR@X26"}, {"purpose": "UNLOCK"}, {"purpose": ""}],
    ids=str,
)
async def test_R36_nobody_but_an_ra_who_is_signed_in_begins(world: World, changes: dict[str, Any]) -> None:
    token = signed(world.identity, world.profile_grant(RA_REF, **changes))

    assert await claim(world, in_person(token)) == "GRANT_REFUSED"


async def test_R36_a_sign_in_that_has_ended_begins_nothing(world: World) -> None:
    token = world.identity.sign(world.profile_grant(RA_REF))
    world.clock.advance(minutes=11)

    assert await claim(world, in_person(token)) == "GRANT_REFUSED"


@pytest.mark.parametrize("signer", ["otp", "card_gateway"])
async def test_R36_a_sign_in_that_identity_did_not_sign_begins_nothing(world: World, signer: str) -> None:
    other = GrantSigner.from_file(signer, world.keys.signing(signer))
    for named in (signer, "identity"):
        other.issuer = named
        token = signed(other, world.profile_grant(RA_REF))

        assert await claim(world, in_person(token)) == "GRANT_REFUSED"


@pytest.mark.parametrize("reason", [Reason.CHANGE, Reason.SIGN_IN])
async def test_R36_nobody_vouches_for_whoever_knows_their_passcode(world: World, reason: Reason) -> None:
    token = world.identity.sign(world.profile_grant(RA_REF))

    with pytest.raises(ServiceError, match="BAD_REQUEST"):
        await claim(world, in_person(token, reason))


async def test_a_route_and_a_sign_in_belong_together(world: World) -> None:
    token = world.identity.sign(world.profile_grant(RA_REF))
    for caller in (in_person(""), Caller(Reason.LOCKED, Route.SELF, token)):
        with pytest.raises(ServiceError, match="BAD_REQUEST"):
            await claim(world, caller)


@pytest.mark.parametrize(
    "changes",
    [
        {"actor_ref": OTHER_RA},
        {"actor_ref": ""},
        {"actor_ref": HOLDER_REF},
        {"actor_kind": "HOLDER", "actor_ref": HOLDER_REF},
        {"route": "SELF"},
        {"reason": "FORGOTTEN"},
        {"card_ref": "d2" * 16},
        {"session_id": "0195573c-0000-7000-8000-0000000000ff"},
        {"holder_ref": "b2" * 16},
        {"agent_key_thumbprint": "u" * 43},
        {"purpose": "PROFILE"},
    ],
    ids=str,
)
async def test_R36_S29_no_other_word_of_identity_unlocks(world: World, changes: dict[str, Any]) -> None:
    _, page = await card_read(world)

    assert await page.authorise(page.unlock_grant(**changes)) == "GRANT_REFUSED"
    assert (await page.state())[0] == "CARD_READ"


async def test_R36_an_ra_never_vouches_for_themselves(world: World) -> None:
    _, page = await card_read(world)
    own = {"holder_ref": RA_REF}

    assert await page.authorise(page.unlock_grant(**own), page.holder_grant(**own)) == "GRANT_REFUSED"


async def test_R36_a_typed_code_unlocks_nothing_in_person_and_an_ra_nothing_alone(world: World) -> None:
    _, page = await card_read(world)
    holder = world.identity.sign(page.holder_grant())
    of_otp = replace(page.unlock_grant(), actor_kind="HOLDER", actor_ref=HOLDER_REF)
    pages, attempt = world.gateway.pages, world.randomness.uuid7

    for token in (signed(world.otp, of_otp), signed(world.otp, page.unlock_grant())):
        answer = await pages.authorise(page.session_id, page.claim, token, holder, attempt())
        assert answer == "GRANT_REFUSED"
    _, alone = await session_with_card(world, page.agent.reader)
    vouched = signed(world.identity, replace(alone.unlock_grant(), actor_kind="RA", actor_ref=RA_REF))
    holder = world.identity.sign(alone.holder_grant())
    assert await pages.authorise(alone.session_id, alone.claim, vouched, holder, attempt()) == "GRANT_REFUSED"


@pytest.mark.parametrize(
    "times", [(timedelta(minutes=-10), timedelta(minutes=-6)), (timedelta(0), timedelta(hours=1))]
)
async def test_R36_S29_a_vouch_out_of_its_time_unlocks_nothing(
    world: World, times: tuple[timedelta, timedelta]
) -> None:
    _, page = await card_read(world)
    now = world.clock.now()
    grant = page.unlock_grant(issued_at=now + times[0], expires_at=now + times[1])

    assert await page.authorise(grant) == "GRANT_REFUSED"


async def test_R36_S32_a_vouch_is_good_once(world: World) -> None:
    _, first = await card_read(world)
    grant = first.unlock_grant()
    assert await first.authorise(grant) == ""
    _, second = await session_with_card(world, first.agent.reader, ra=RA_REF)
    world.restart()

    assert await second.authorise(grant) == "GRANT_REFUSED"
    assert await second.authorise(second.unlock_grant(jti=grant.jti)) == "GRANT_SPENT"


async def test_R36_the_reason_does_not_become_one_that_needs_no_vouch(world: World) -> None:
    _, page = await card_read(world)

    assert await page.change_reason(Reason.CHANGE) == "WRONG_STATE"
    assert await page.change_reason(Reason.SIGN_IN) == "WRONG_STATE"


async def test_R36_a_card_refused_or_left_before_the_vouch_names_the_ra_who_sat_there(world: World) -> None:
    reader, _ = card_in_reader()
    _, page = await session_with_card(world, reader, ra=RA_REF)

    assert (await page.state())[0] == "FAILED"
    (outcome,) = await world.events("SessionOutcome")
    assert (outcome.actor.kind, outcome.actor.ref) == (common_pb2.ACTOR_KIND_RA, RA_REF)
