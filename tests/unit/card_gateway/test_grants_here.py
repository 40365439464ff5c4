"""A grant that is not for this very session, card, holder and route opens nothing here. S29 to S32."""

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from services.runtime.grants import GrantSigner, HolderGrant, UnlockGrant
from tests.ports.card_gateway.world import (
    NEW_PINS,
    Page,
    World,
    authorised,
    card_in_reader,
    session_with_card,
)

OTHERS: dict[str, list[Any]] = {
    "session_id": ["0195573c-0000-7000-8000-0000000000ff", ""],
    "card_ref": ["d2" * 16, ""],
    "reason": ["FORGOTTEN", "CHANGE", "", "locked"],
    "route": ["RA_IN_PERSON", "", "self"],
    "agent_key_thumbprint": ["t" * 43, ""],
    "purpose": ["REGISTER", "SIGN_IN", ""],
    "holder_ref": ["b2" * 16, ""],
    "actor_kind": ["RA", "SYSTEM", "", "holder"],
    "actor_ref": ["b2" * 16],
}
"""By claim: values that are not this session's."""

TIMES = {
    "over": (timedelta(minutes=-10), timedelta(minutes=-6)),
    "not yet": (timedelta(minutes=5), timedelta(minutes=9)),
    "ten years": (timedelta(0), timedelta(days=3650)),
    "an hour": (timedelta(0), timedelta(hours=1)),
    "backwards": (timedelta(minutes=4), timedelta(0)),
}

BOUND = [
    (kind, claim, value)
    for kind in (HolderGrant, UnlockGrant)
    for claim, values in OTHERS.items()
    if claim in {field.name for field in fields(kind)}
    for value in values
]


async def card_read(world: World) -> Page:
    reader, line = card_in_reader()
    await world.import_line(line)
    _, page = await session_with_card(world, reader)
    return page


async def assert_refused(page: Page, answer: str) -> None:
    assert answer == "GRANT_REFUSED"
    assert (await page.state())[0] == "CARD_READ"
    assert await page.world.events("SessionAuthorised") == []


@pytest.mark.parametrize(("kind", "claim", "value"), BOUND)
async def test_S29_a_grant_with_another_claim_is_refused(
    world: World, kind: type, claim: str, value: Any
) -> None:
    page = await card_read(world)
    changed = {claim: value}
    unlock = replace(page.unlock_grant(), **changed) if kind is UnlockGrant else None
    holder = replace(page.holder_grant(), **changed) if kind is HolderGrant else None

    await assert_refused(page, await page.authorise(unlock, holder))


@pytest.mark.parametrize("times", TIMES)
@pytest.mark.parametrize("kind", [HolderGrant, UnlockGrant])
async def test_S29_a_grant_out_of_its_time_is_refused(world: World, kind: type, times: str) -> None:
    page = await card_read(world)
    begin, end = TIMES[times]
    now = world.clock.now()
    changed: dict[str, Any] = {"issued_at": now + begin, "expires_at": now + end}
    unlock = replace(page.unlock_grant(), **changed) if kind is UnlockGrant else None
    holder = replace(page.holder_grant(), **changed) if kind is HolderGrant else None

    await assert_refused(page, await page.authorise(unlock, holder))


@pytest.mark.parametrize("issuer", ["identity", "card_gateway"])
async def test_S31_an_unlock_grant_of_another_signer_is_refused(world: World, issuer: str) -> None:
    """otp alone lets a holder through by a code, whatever else these keys may sign."""
    page = await card_read(world)
    key = world.keys.signing(issuer)
    for named in (issuer, "otp"):
        world.otp = GrantSigner.from_file(named, key)
        await assert_refused(page, await page.authorise())


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "e30.e30.e30"])
async def test_S29_what_is_no_grant_is_refused(world: World, token: str) -> None:
    page = await card_read(world)
    holder = world.identity.sign(page.holder_grant())
    unlock = world.otp.sign(page.unlock_grant())
    pages, attempt = world.gateway.pages, world.randomness.uuid7

    await assert_refused(page, await pages.authorise(page.session_id, page.claim, token, holder, attempt()))
    await assert_refused(page, await pages.authorise(page.session_id, page.claim, unlock, token, attempt()))
    await assert_refused(page, await pages.authorise(page.session_id, page.claim, holder, unlock, attempt()))


async def test_S32_a_spent_grant_opens_no_second_session(world: World) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    _, first = await session_with_card(world, reader)
    grant = first.unlock_grant()
    assert await first.authorise(grant) == ""
    _, second = await session_with_card(world, reader)
    same_jti = replace(second.unlock_grant(), jti=grant.jti)
    world.restart()

    assert await second.authorise(grant) == "GRANT_REFUSED"
    assert await second.authorise(same_jti) == "GRANT_SPENT"


async def test_a_refused_grant_is_not_remembered(world: World) -> None:
    page = await card_read(world)
    attempt = world.randomness.uuid7()
    assert await page.authorise(page.unlock_grant(card_ref="d2" * 16), attempt=attempt) == "GRANT_REFUSED"

    assert await page.authorise(attempt=attempt) == ""
    assert await page.authorise(attempt=attempt) == ""


async def test_I2_a_reset_asks_for_a_fresh_holder_grant_of_the_same_holder(world: World) -> None:
    reader, line = card_in_reader()
    await world.import_line(line)
    _, page = await authorised(world, reader)
    stale = page.holder_grant()
    world.clock.advance(minutes=6)

    assert await page.reset_pin(NEW_PINS[0], stale) == "GRANT_REFUSED"
    assert await page.reset_pin(NEW_PINS[0], page.holder_grant(holder_ref="b2" * 16)) == "GRANT_REFUSED"
    assert await page.reset_pin(NEW_PINS[0]) == ""


async def test_I2_without_an_unlock_grant_no_reset_is_asked_for(world: World) -> None:
    page = await card_read(world)

    assert await page.reset_pin(NEW_PINS[0]) == "NOT_AUTHORISED"
