"""Two colleagues vouched from afar: the gateway holds to its own setting besides identity's word."""

from dataclasses import replace
from typing import Any

import pytest
from smartcard_unlock.common.v1 import common_pb2

from services.card_gateway.domain.words import Reason
from services.runtime.grants import HolderGrant, UnlockGrant
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

COLLEAGUE = "b9" * 16


async def card_read(
    world: World, reason: Reason = Reason.LOCKED, *, policy: bool = True
) -> tuple[Agent, Page]:
    world.remote_vouch = policy
    world.restart()
    reader, line = card_in_reader()
    await world.import_line(line)
    return await session_with_card(world, reader, reason)


def vouched(page: Page, **changes: Any) -> UnlockGrant:
    said = {"actor_kind": "COLLEAGUES", "actor_ref": COLLEAGUE} | changes
    return replace(page.unlock_grant(), **said)


async def authorise(page: Page, unlock: UnlockGrant, holder: HolderGrant | None = None) -> str:
    """With both grants signed by identity."""
    world = page.world
    tokens = signed(world.identity, unlock), world.identity.sign(holder or page.holder_grant())
    attempt = world.randomness.uuid7()
    return await world.gateway.pages.authorise(page.session_id, page.claim, *tokens, attempt)


async def test_the_card_is_unlocked_and_the_record_names_the_colleague(world: World) -> None:
    agent, page = await card_read(world)
    assert await authorise(page, vouched(page)) == ""
    assert await page.reset_pin(NEW_PINS[0]) == ""
    await agent.work()

    assert await page.state() == ("SUCCESS", "")
    assert agent.reader.eeprom.pin == padded(NEW_PINS[0])
    (outcome,) = await world.events("SessionOutcome")
    assert (outcome.route, outcome.holder_ref) == (common_pb2.ROUTE_SELF, HOLDER_REF)
    assert (outcome.actor.kind, outcome.actor.ref) == (common_pb2.ACTOR_KIND_COLLEAGUES, COLLEAGUE)


async def test_a_replica_reads_who_vouched_from_the_session(world: World) -> None:
    _, page = await card_read(world)
    assert await authorise(page, vouched(page)) == ""
    world.restart()

    assert (await page.state())[0] == "AUTHORISED"


async def test_with_the_policy_off_here_identitys_word_unlocks_nothing(world: World) -> None:
    _, page = await card_read(world, policy=False)

    assert await authorise(page, vouched(page)) == "GRANT_REFUSED"
    assert (await page.state())[0] == "CARD_READ"
    assert await world.events("SessionAuthorised") == []


async def test_nobody_vouches_for_a_change(world: World) -> None:
    _, page = await card_read(world, Reason.CHANGE)

    assert await authorise(page, vouched(page)) == "GRANT_REFUSED"


@pytest.mark.parametrize(
    "changes",
    [
        {"actor_ref": HOLDER_REF},
        {"actor_ref": ""},
        {"actor_kind": "RA"},
        {"actor_kind": "HOLDER"},
        {"actor_kind": "HOLDER", "actor_ref": HOLDER_REF},
        {"actor_kind": "SYSTEM"},
        {"route": "RA_IN_PERSON"},
        {"reason": "CHANGE"},
        {"reason": "FORGOTTEN"},
        {"card_ref": "d2" * 16},
        {"session_id": "0195573c-0000-7000-8000-0000000000ff"},
        {"holder_ref": "b2" * 16},
        {"agent_key_thumbprint": "u" * 43},
        {"purpose": "PROFILE"},
    ],
    ids=str,
)
async def test_S29_no_other_word_of_identity_unlocks(world: World, changes: dict[str, Any]) -> None:
    _, page = await card_read(world)

    assert await authorise(page, vouched(page, **changes)) == "GRANT_REFUSED"
    assert (await page.state())[0] == "CARD_READ"


async def test_S29_otp_does_not_speak_for_colleagues(world: World) -> None:
    _, page = await card_read(world)
    holder = world.identity.sign(page.holder_grant())
    token, attempt = signed(world.otp, vouched(page)), world.randomness.uuid7()

    answer = await world.gateway.pages.authorise(page.session_id, page.claim, token, holder, attempt)
    assert answer == "GRANT_REFUSED"


async def test_colleagues_unlock_nothing_where_an_ra_sits(world: World) -> None:
    world.remote_vouch = True
    world.restart()
    reader, line = card_in_reader()
    await world.import_line(line)
    _, page = await session_with_card(world, reader, ra=RA_REF)

    assert await authorise(page, vouched(page)) == "GRANT_REFUSED"


async def test_S32_two_words_are_good_once(world: World) -> None:
    _, first = await card_read(world)
    grant = vouched(first)
    assert await authorise(first, grant) == ""
    _, second = await session_with_card(world, first.agent.reader)
    world.restart()

    assert await authorise(second, grant) == "GRANT_REFUSED"
    assert await authorise(second, vouched(second, jti=grant.jti)) == "GRANT_SPENT"
