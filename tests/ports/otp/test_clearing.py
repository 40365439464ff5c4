"""An RA sees which locks hold and ends them, on both databases. R48."""

from functools import partial
from typing import Any

import pytest
from smartcard_unlock.common.v1 import common_pb2
from smartcard_unlock.otp.v1 import otp_events_pb2, otp_pb2

from services.otp.clearing import ATTEMPT_SPENT, LOCK_UNKNOWN, OWN_LOCK, Cleared, Locks
from services.otp.domain.ended_lock import LONGEST_NOTE, ClearReason, Why
from services.otp.domain.facts import Verdict
from services.otp.domain.issue import Refusal
from services.otp.domain.status import Status
from services.otp.domain.tally import Cause, Lock
from services.runtime.grants import GrantRefused
from tests.fakes.clock import NOON
from tests.ports.at_once import at_once
from tests.ports.otp.world import GRANT, RA, World

MISTYPED = Why(ClearReason.MISTYPED)


async def lock(world: World, session: str = "one", **changes: Any) -> None:
    """Three wrong entries in one session."""
    await world.issue(session_id=session, **changes)
    for _ in range(3):
        await world.redeem(await world.wrong(), session_id=session, **changes)
    world.clock.advance(seconds=1)  # who clears comes after


async def clear(
    world: World,
    attempt: str | None = None,
    card_ref: str = GRANT.card_ref,
    why: Why = MISTYPED,
    **changes: Any,
) -> Cleared | str:
    token = world.signed_in(**changes)
    return await world.clearing.clear(token, GRANT.holder_ref, card_ref, why, attempt or world.attempt())


async def locks(world: World, holder_ref: str = GRANT.holder_ref, **changes: Any) -> Locks:
    return await world.clearing.locks(world.signed_in(**changes), holder_ref)


async def test_R48_the_ra_ends_a_lock_and_it_is_recorded_who_did(world: World) -> None:
    await lock(world)
    world.clock.advance(minutes=5)

    assert await clear(world) == Cleared(entries_left=3, wrong_in_year=3)
    assert isinstance(await world.issue(session_id="two"), Status)
    assert (await world.redeem(await world.code(), session_id="two")).verdict is Verdict.RIGHT
    [told] = await world.told(otp_events_pb2.LockClearedByRa)
    assert (told.actor.kind, told.actor.ref) == (common_pb2.ACTOR_KIND_RA, RA.holder_ref)
    assert (told.holder_ref, told.card_ref, told.organisation) == (GRANT.holder_ref, GRANT.card_ref, "X26")


async def test_S3_clearing_keeps_the_count_of_the_year(world: World) -> None:
    for number in range(4):
        await lock(world, f"session {number}")
        world.clock.advance(hours=25)
        cleared = await clear(world)
        assert cleared == Cleared(entries_left=3, wrong_in_year=3 * (number + 1))


async def test_the_same_attempt_clears_once_and_a_new_one_finds_no_lock(world: World) -> None:
    await lock(world)
    attempt = world.attempt()

    answers = [await clear(world, attempt) for _ in range(3)]

    assert answers == [Cleared(3, 3)] * 3
    assert await clear(world) == LOCK_UNKNOWN
    assert len(await world.told(otp_events_pb2.LockClearedByRa)) == 1


async def test_R48_an_attempt_that_ended_a_lock_is_not_told_to_have_ended_the_next_one(world: World) -> None:
    await lock(world)
    attempt = world.attempt()
    assert await clear(world, attempt) == Cleared(3, 3)
    await lock(world, "two")

    assert await clear(world, attempt) == ATTEMPT_SPENT
    assert await world.issue(session_id="three") == Refusal("LOCKED_TO_RA")
    assert isinstance(await clear(world), Cleared)


async def test_F11_many_at_once_clear_once(world: World) -> None:
    await lock(world)
    attempts = [world.attempt() for _ in range(20)]

    answers = await at_once(partial(clear, world, attempt) for attempt in attempts)

    assert sum(isinstance(answer, Cleared) for answer in answers) == 1
    assert len(await world.told(otp_events_pb2.LockClearedByRa)) == 1


@pytest.mark.parametrize("roles", ["RA@Y01", "RA@X2", "RA@X26X", "RA@"])
async def test_S54_an_ra_of_another_organisation_learns_nothing(world: World, roles: str) -> None:
    unknown = await clear(world, roles=roles)
    await lock(world)

    assert await clear(world, roles=roles) == unknown == LOCK_UNKNOWN
    assert await world.issue(session_id="two") == Refusal("LOCKED_TO_RA")


async def test_S54_one_of_several_roles_is_enough(world: World) -> None:
    await lock(world)

    assert isinstance(await clear(world, roles="RA@Y01 RA@X26"), Cleared)


async def test_S54_nobody_ends_their_own_lock(world: World) -> None:
    await lock(world)

    assert await clear(world, holder_ref=GRANT.holder_ref) == OWN_LOCK
    assert await world.issue(session_id="two") == Refusal("LOCKED_TO_RA")


async def test_what_is_not_locked_is_not_cleared(world: World) -> None:
    await world.issue()
    await world.redeem(await world.wrong())

    assert await clear(world) == LOCK_UNKNOWN
    assert await clear(world, card_ref="another") == LOCK_UNKNOWN


async def test_the_organisation_is_the_one_that_identity_said_last(world: World) -> None:
    await lock(world)
    await world.issue(session_id="two", organisation="Y01")

    assert await clear(world) == LOCK_UNKNOWN
    assert isinstance(await clear(world, roles="RA@Y01"), Cleared)


async def test_S1_S29_without_an_ras_grant_nothing_is_said(world: World) -> None:
    await lock(world)
    others = [
        "", "random", world.grant(), world.signed_in(roles=""), world.signed_in(roles="HOLDER"),
        world.signed_in(purpose="UNLOCK"),
    ]  # fmt: skip

    for token in others:
        with pytest.raises(GrantRefused):
            await world.clearing.clear(token, GRANT.holder_ref, GRANT.card_ref, MISTYPED, world.attempt())
        with pytest.raises(GrantRefused):
            await world.clearing.locks(token, GRANT.holder_ref)
    with pytest.raises(GrantRefused):
        await world.codes.issue(world.signed_in(), world.attempt())


async def test_R48_an_ra_sees_which_cards_are_locked_since_when_and_why(world: World) -> None:
    await lock(world)
    await world.issue(session_id="two", card_ref="c2" * 16)

    assert (await locks(world)).held == [Lock(GRANT.card_ref, NOON, Cause.DAY, None, 3)]
    await clear(world)
    assert (await locks(world)).held == []


async def test_S3_the_limit_of_the_year_is_told_as_what_holds(world: World) -> None:
    for number in range(3):
        await lock(world, f"session {number}")
        [held] = (await locks(world)).held
        assert (held.cause, held.wrong_in_year) == (
            Cause.YEAR if number == 2 else Cause.DAY,
            3 * (number + 1),
        )
        await clear(world)
        world.clock.advance(hours=25)


async def test_R48_it_is_kept_who_ended_a_lock_and_why_and_the_note_is_told_to_nobody(world: World) -> None:
    for number, why in enumerate((MISTYPED, Why(ClearReason.OTHER, " request 7 "))):
        await lock(world, f"session {number}")
        await clear(world, why=why)
    ended = (await locks(world)).ended

    assert [(each.actor_ref, each.card_ref, each.why) for each in ended] == [
        (RA.holder_ref, GRANT.card_ref, Why(ClearReason.OTHER, "request 7")),
        (RA.holder_ref, GRANT.card_ref, MISTYPED),
    ]
    told = await world.told(otp_events_pb2.LockClearedByRa)
    assert [each.reason for each in told] == [otp_pb2.CLEAR_REASON_MISTYPED, otp_pb2.CLEAR_REASON_OTHER]
    assert b"request 7" not in b"".join(each.SerializeToString() for each in told)


@pytest.mark.parametrize(
    ("why", "code"),
    [
        (Why(None), "REASON_MISSING"),
        (Why(ClearReason.OTHER, " "), "NOTE_MISSING"),
        (Why(ClearReason.MISTYPED, "x" * (LONGEST_NOTE + 1)), "NOTE_TOO_LONG"),
    ],
)
async def test_R48_no_lock_is_ended_without_a_reason(world: World, why: Why, code: str) -> None:
    await lock(world)

    assert await clear(world, why=why) == code
    assert await world.issue(session_id="two") == Refusal("LOCKED_TO_RA")


@pytest.mark.parametrize("roles", ["RA@Y01", "RA@X2", "RA@"])
async def test_S54_the_locks_of_another_organisation_are_as_those_of_nobody(world: World, roles: str) -> None:
    await lock(world)
    await clear(world)
    await lock(world, "two")

    assert await locks(world, roles=roles) == Locks() == await locks(world, "ff" * 16)


async def test_what_was_ended_is_forgotten_after_400_days(world: World) -> None:
    await lock(world)
    await clear(world)
    world.clock.advance(days=400)
    await world.codes.sweep()
    assert len((await locks(world)).ended) == 1

    world.clock.advance(minutes=1)
    await world.codes.sweep()
    assert (await locks(world)).ended == []
