"""Codes of a registration and codes that unlock: neither serves for the other. R58."""

from datetime import timedelta

import pytest

from services.otp.domain.facts import Verdict
from services.otp.domain.issue import Refusal
from services.runtime.grants import GrantRefused
from tests.fakes.clock import NOON
from tests.ports.otp.world import World


async def issue(world: World) -> None:
    await world.registrations.issue(world.registration_grant(), world.attempt())


async def redeem(world: World, typed: str) -> Verdict:
    grant = world.registration_grant()
    return (await world.registrations.redeem(grant, typed, world.attempt())).verdict


async def test_R58_the_code_of_a_registration_unlocks_no_card_of_the_same_session_holder_and_card(
    world: World,
) -> None:
    await issue(world)
    answer = await world.redeem(await world.code())

    assert (answer.verdict, answer.grant) == (Verdict.DEAD, "")
    assert await redeem(world, await world.code()) is Verdict.RIGHT


async def test_R58_a_code_that_unlocks_completes_no_registration(world: World) -> None:
    await world.issue()

    assert await redeem(world, await world.code()) is Verdict.DEAD
    assert (await world.redeem(await world.code())).verdict is Verdict.RIGHT


async def test_R58_each_takes_its_own_grant_only(world: World) -> None:
    wrong = [(world.codes, world.registration_grant()), (world.registrations, world.grant())]
    wrong += [(world.codes, world.grant(purpose="REGISTER"))]
    wrong += [(world.registrations, world.registration_grant(purpose="UNLOCK"))]

    for codes, token in wrong:
        for call in (
            codes.issue(token, world.attempt()),
            codes.status(token),
            codes.redeem(token, "12345678", world.attempt()),
        ):
            with pytest.raises(GrantRefused):
                await call


async def test_R43_the_code_of_a_registration_is_refused_at_15_minutes_exactly(world: World) -> None:
    await issue(world)
    world.clock.advance(minutes=15, milliseconds=-1)
    before = await redeem(world, await world.wrong())
    world.clock.advance(milliseconds=1)

    assert before is Verdict.WRONG
    assert world.clock.now() == NOON + timedelta(minutes=15)
    assert await redeem(world, await world.code()) is Verdict.DEAD


async def test_R48_wrong_codes_of_a_registration_count_for_the_card_as_those_of_an_unlock(
    world: World,
) -> None:
    await issue(world)
    verdicts = [await redeem(world, await world.wrong()) for _ in range(3)]

    assert verdicts == [Verdict.WRONG, Verdict.WRONG, Verdict.LOCKED_TO_RA]
    assert await world.issue(session_id="0195573c-0000-7000-8000-000000000002") == Refusal("LOCKED_TO_RA")
