"""The token of a mail "was this you?": it freezes its card, for 30 days, and can do nothing else. R64."""

from typing import Any

import pytest
from smartcard_unlock.identity.v1 import identity_events_pb2
from sqlalchemy import select
from structlog.testing import capture_logs

from services.identity.domain.holder import RegistrationAuthority
from services.identity.tables import freeze_tokens
from services.identity.use_cases.telling import UNKNOWN, Kind
from tests.ports.identity.world import CARD, CARD_REF, ORGANISATION, World

OTHER = "d2" * 16


async def token(world: World, kind: Kind = Kind.UNLOCKED, card_ref: str = CARD_REF) -> str:
    told = await world.telling.delivery_address(await world.holder_ref(), 1, kind, card_ref)
    assert told.delivery.address
    return told.freeze_token


async def frozen(world: World) -> list[Any]:
    return await world.told(identity_events_pb2.CardFrozen)


async def test_R64_a_token_freezes_its_card_once_and_names_the_ra(world: World) -> None:
    await world.populate()
    await world.take(CARD | {"card_ref": OTHER})
    link = await token(world)
    answers = [await world.telling.freeze_card(link) for _ in range(2)]

    assert [type(answer) for answer in answers] == [RegistrationAuthority] * 2
    assert [told.card_ref for told in await frozen(world)] == [CARD_REF]
    assert (await world.resolve()).code == "CARD_FROZEN"
    assert not hasattr(await world.resolve(card_ref=OTHER), "code")


async def test_R64_after_a_change_of_address_every_card_of_the_holder_freezes(world: World) -> None:
    await world.populate()
    await world.take(CARD | {"card_ref": OTHER})
    await world.telling.freeze_card(await token(world, Kind.ADDRESS_CHANGED, ""))

    assert [told.card_ref for told in await frozen(world)] == [CARD_REF, OTHER]


async def test_R64_no_import_thaws_what_its_holder_froze(world: World) -> None:
    await world.populate()
    await world.telling.freeze_card(await token(world))
    await world.take(CARD)

    assert (await world.resolve()).code == "CARD_FROZEN"


async def test_R64_a_token_is_good_for_30_days_and_kept_as_a_digest_only(world: World) -> None:
    await world.populate()
    link = await token(world)
    async with world.database.read() as connection:
        (row,) = (await connection.execute(select(freeze_tokens))).all()
    assert len(link) == 22
    assert link.encode() not in row.digest

    world.clock.advance(days=30)
    assert await world.telling.freeze_card(link) == UNKNOWN
    await world.holders.sweep()
    async with world.database.read() as connection:
        assert (await connection.execute(select(freeze_tokens))).all() == []


@pytest.mark.parametrize("wrong", ["", "A" * 22, "random"])
async def test_S1_a_token_that_is_none_freezes_nothing(world: World, wrong: str) -> None:
    await world.populate()
    await token(world)

    assert await world.telling.freeze_card(wrong) == UNKNOWN
    assert await frozen(world) == []


async def test_R64_no_token_goes_with_a_code_or_without_an_address(world: World) -> None:
    await world.populate()
    ref = await world.holder_ref()

    assert (await world.telling.delivery_address(ref, 1, Kind.OTHER, CARD_REF)).freeze_token == ""
    assert (await world.telling.delivery_address(ref, 2, Kind.UNLOCKED, CARD_REF)).freeze_token == ""


async def test_R64_the_alert_goes_to_the_mailbox_of_the_ra_team(world: World) -> None:
    await world.populate()
    told = await world.telling.delivery_address(await world.holder_ref(), 0, Kind.CARD_FROZEN, CARD_REF)

    assert (told.delivery.address, told.freeze_token) == ("ra@example.org", "")


async def test_R64_an_alert_that_reaches_no_ra_is_said_in_the_log(world: World) -> None:
    await world.populate()
    await world.take(ORGANISATION | {"registration_authority": {}})
    with capture_logs() as said:
        told = await world.telling.delivery_address(await world.holder_ref(), 0, Kind.CARD_FROZEN, CARD_REF)

    assert told.delivery.refused_code == "HOLDER_UNKNOWN"
    assert [(each["event"], each["organisation"]) for each in said] == [("alert_reaches_no_ra", "X26")]
