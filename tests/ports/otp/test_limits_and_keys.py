"""Limits over many cards, alarms and keys that change, on both databases."""

from datetime import timedelta

import pytest
from smartcard_unlock.otp.v1 import otp_events_pb2

from services.otp.domain.code import Particulars
from services.otp.domain.facts import Verdict
from services.otp.domain.issue import Refusal
from services.otp.domain.policy import Policy
from services.otp.domain.status import Status
from services.otp.sealing import CodeKey, CodeKeys
from services.otp.use_cases import Asked, OneTimeCodes
from tests.ports.otp.test_codes_under_load import dumped
from tests.ports.otp.world import World

HERE = "192.0.2.7"
OLD, NEW = CodeKey(b"o" * 32), CodeKey(b"n" * 32)


def one_of(number: int, organisation: str = "X26") -> dict[str, str]:
    """A holder with a card, in a session."""
    return {
        "session_id": f"session {number}",
        "holder_ref": f"holder {number}",
        "card_ref": f"card {number}",
        "organisation": organisation,
    }


async def issue(
    world: World, codes: OneTimeCodes, number: int, client: str = HERE, organisation: str = "X26"
) -> Status | Refusal:
    grant = world.grant(**one_of(number, organisation))
    return await codes.issue(grant, world.attempt(), Asked(client))


async def test_S10_a_network_and_an_organisation_have_their_own_limits(world: World) -> None:
    codes = world.service(policy=Policy(codes_per_network=2, codes_per_organisation=3))
    for number in range(2):
        assert isinstance(await issue(world, codes, number), Status)

    assert await issue(world, codes, 2) == Refusal("NETWORK_CODE_LIMIT")
    assert isinstance(await issue(world, codes, 3, client="198.51.100.1"), Status)
    assert await issue(world, codes, 4, client="198.51.100.2") == Refusal("ORGANISATION_CODE_LIMIT")
    assert isinstance(await issue(world, codes, 5, client="198.51.100.2", organisation="Y01"), Status)
    world.clock.advance(hours=24)
    assert isinstance(await issue(world, codes, 6), Status)


async def test_a_network_that_is_not_known_has_no_limit(world: World) -> None:
    codes = world.service(policy=Policy(codes_per_network=1))

    assert all([isinstance(await issue(world, codes, number, client=""), Status) for number in range(3)])


async def test_S10_a_change_of_address_gives_a_card_no_more_codes(world: World) -> None:
    for number in range(6):
        await world.issue(session_id=f"session {number}", address_version=1 + number // 3)

    assert await world.issue(session_id="session 7", address_version=9) == Refusal("CARD_CODE_LIMIT")
    assert isinstance(await world.issue(session_id="session 8", card_ref="other", address_version=9), Status)


async def test_I12_neither_network_nor_site_nor_card_is_in_the_database(world: World) -> None:
    asked = Asked(HERE, Particulars("4F2A", "Example Hospital"))
    await world.codes.issue(world.grant(), world.attempt(), asked)
    await world.codes.redeem(world.grant(), await world.wrong(), world.attempt(), HERE)

    dump = await dumped(world)

    for secret in (HERE, "4F2A", "Example Hospital"):
        assert secret not in dump
        assert secret.encode().hex() not in dump


async def guess(world: World, codes: OneTimeCodes, number: int, client: str, organisation: str) -> None:
    """One wrong entry with one more card."""
    grant = world.grant(**one_of(number, organisation))
    assert isinstance(await codes.issue(grant, world.attempt(), Asked(client)), Status)
    await codes.redeem(grant, await world.wrong(), world.attempt(), client)


async def spreads(world: World) -> list[tuple[str, str, int]]:
    told = await world.told(otp_events_pb2.GuessingSpread)
    name = otp_events_pb2.SpreadScope.Name
    return [(name(one.scope).removeprefix("SPREAD_SCOPE_"), one.organisation, one.cards) for one in told]


async def test_guessing_spread_over_the_cards_of_one_network_is_told_once_an_hour(world: World) -> None:
    codes = world.service(policy=Policy(alarm_cards_of_network=3))
    for number in range(5):
        await guess(world, codes, number, HERE, f"org {number}")
        await guess(world, codes, 100 + number, f"198.51.100.{number}", f"org {number}")

    assert await spreads(world) == [("NETWORK", "", 3)]
    world.clock.advance(hours=1)
    for number in range(10, 13):
        await guess(world, codes, number, HERE, "X26")
    [first, second] = await world.told(otp_events_pb2.GuessingSpread)
    assert first.network_ref == second.network_ref != HERE


async def test_guessing_spread_over_networks_is_seen_by_organisation_and_over_all(world: World) -> None:
    codes = world.service(policy=Policy(alarm_cards_of_organisation=3, alarm_cards_everywhere=5))
    for number in range(4):
        await guess(world, codes, number, f"198.51.100.{number}", "X26")
    for number in range(4, 7):
        await guess(world, codes, number, f"198.51.100.{number}", f"org {number}")

    assert await spreads(world) == [("ORGANISATION", "X26", 3), ("EVERYWHERE", "", 5)]


async def test_one_card_with_three_wrong_entries_is_no_alarm(world: World) -> None:
    codes = world.service(policy=Policy(alarm_cards_of_network=2))
    await codes.issue(world.grant(), world.attempt(), Asked(HERE))
    for _ in range(3):
        await codes.redeem(world.grant(), await world.wrong(), world.attempt(), HERE)

    assert await spreads(world) == []


async def test_what_the_alarms_are_counted_by_goes_after_a_day(world: World) -> None:
    codes = world.service(policy=Policy(alarm_cards_of_network=2))
    for number in range(2):
        await guess(world, codes, number, HERE, "X26")
    world.clock.advance(hours=25)

    await codes.sweep()

    assert HERE not in await dumped(world)
    dump = (await dumped(world)).splitlines()
    assert "NETWORK" not in dump


@pytest.mark.parametrize("step", ["next is known", "next issues", "last is still known"])
async def test_F22_a_code_lives_through_each_step_of_a_rotation(world: World, step: str) -> None:
    stages = {
        "next is known": (CodeKeys(OLD), CodeKeys(OLD, NEW)),
        "next issues": (CodeKeys(OLD, NEW), CodeKeys(NEW, OLD)),
        "last is still known": (CodeKeys(NEW, OLD), CodeKeys(NEW)),
    }
    before, after = (world.service(code_keys=keys) for keys in stages[step])
    # Replicas of both stages run side by side: issued by either, redeemed by either.
    for number, (issuer, judge) in enumerate([(before, after), (after, before)]):
        grant = world.grant(session_id=f"session {number}")
        await issuer.issue(grant, world.attempt())
        assert (await judge.redeem(grant, await world.code(), world.attempt())).verdict is Verdict.RIGHT


@pytest.mark.parametrize("first", ["the replica before", "the replica after"])
async def test_F22_a_wrong_entry_sent_twice_is_one_in_a_rotation(world: World, first: str) -> None:
    replicas = [world.service(code_keys=keys) for keys in (CodeKeys(OLD, NEW), CodeKeys(NEW, OLD))]
    ordered = replicas if first == "the replica before" else replicas[::-1]
    await replicas[0].issue(world.grant(), world.attempt())
    grant, wrong, attempt = world.grant(), await world.wrong(), world.attempt()

    lefts = [(await replica.redeem(grant, wrong, attempt)).entries_left for replica in ordered]

    assert lefts == [2, 2]


async def test_F22_after_one_lifetime_the_last_key_may_go(world: World) -> None:
    rotated = world.service(code_keys=CodeKeys(NEW, OLD))
    await world.service(code_keys=CodeKeys(OLD, NEW)).issue(world.grant(), world.attempt())
    code = await world.code()
    world.clock.advance(minutes=14)
    grant = world.grant()
    assert (await rotated.redeem(grant, await world.wrong(), world.attempt())).verdict is Verdict.WRONG
    world.clock.advance(minutes=1)

    assert (await rotated.redeem(world.grant(), code, world.attempt())).verdict is Verdict.DEAD


async def test_a_key_that_went_too_early_costs_nobody_a_try(world: World) -> None:
    await world.service(code_keys=CodeKeys(OLD)).issue(world.grant(), world.attempt())
    without = world.service(code_keys=CodeKeys(NEW))

    answer = await without.redeem(world.grant(), await world.wrong(), world.attempt())

    assert (answer.verdict, answer.entries_left) == (Verdict.DEAD, 3)
    world.clock.advance(seconds=60)
    assert isinstance(await without.issue(world.grant(), world.attempt()), Status)


async def test_S3_ten_digits_are_issued_and_judged(world: World) -> None:
    codes = world.service(policy=Policy(digits=10, lifetime=timedelta(minutes=10)))

    status = await codes.issue(world.grant(), world.attempt())
    code = await world.code()

    assert isinstance(status, Status)
    assert (status.digits, len(code)) == (10, 10)
    assert (await codes.redeem(world.grant(), code[:8], world.attempt())).verdict is Verdict.MALFORMED
    assert (await codes.redeem(world.grant(), code, world.attempt())).verdict is Verdict.RIGHT
