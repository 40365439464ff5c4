"""What otp answers, on real SQL with a clock that stands still."""

from datetime import timedelta

import pytest
from smartcard_unlock.common.v1 import common_pb2
from smartcard_unlock.otp.v1 import otp_events_pb2, otp_pb2

from services.otp.domain.code import Delivery
from services.otp.domain.facts import Verdict
from services.otp.domain.issue import Refusal
from services.otp.domain.status import Status
from services.runtime.errors import ServiceError
from services.runtime.grants import GrantRefused
from tests.fakes.clock import NOON
from tests.ports.otp.world import GRANT, World

OTHER_SESSION = "0195573c-0000-7000-8000-000000000002"


async def test_R44_a_code_is_queued_and_never_returned(world: World) -> None:
    status = await world.issue()

    assert status == Status(
        code_id=status.code_id,
        delivery=Delivery.QUEUED,
        delivery_reason="",
        expires_at=NOON + timedelta(minutes=15),
        entries_left=3,
        resends_left=2,
        next_code_at=NOON + timedelta(seconds=60),
        live=True,
    )
    assert await world.code() not in repr(status)


async def test_R4_the_code_leaves_sealed_in_the_transaction_that_stores_it(world: World) -> None:
    await world.issue()

    [issued] = await world.told(otp_events_pb2.CodeIssued)
    [digits] = await world.mailed()
    assert (issued.session_id, issued.address_version) == (GRANT.session_id, 1)
    assert (len(digits), digits.isdigit()) == (8, True)
    assert digits.encode() not in issued.SerializeToString()


async def test_R52_the_right_code_earns_one_grant_for_this_holder_session_and_card(world: World) -> None:
    await world.issue()

    answer = await world.redeem(await world.code())

    grant = world.verify(answer.grant)
    assert answer.verdict is Verdict.RIGHT
    assert grant.binds_like(GRANT)
    assert (grant.holder_ref, grant.actor_kind, grant.actor_ref) == (
        GRANT.holder_ref,
        "HOLDER",
        GRANT.holder_ref,
    )
    assert grant.expires_at == NOON + timedelta(minutes=5)


async def test_I1_a_code_is_used_once(world: World) -> None:
    await world.issue()
    await world.redeem(await world.code())

    again = await world.redeem(await world.code())

    assert (again.verdict, again.grant) == (Verdict.DEAD, "")


async def test_the_same_attempt_earns_the_very_same_grant(world: World) -> None:
    await world.issue()
    grant, attempt = world.grant(), world.attempt()
    first = await world.codes.redeem(grant, await world.code(), attempt)
    world.clock.advance(minutes=2)

    assert await world.codes.redeem(world.grant(), await world.code(), attempt) == first
    assert len(await world.told(otp_events_pb2.CodeEntered)) == 1


async def test_R49_a_code_is_accepted_at_14_59_999_and_refused_at_15_00(world: World) -> None:
    await world.issue()
    code = await world.code()
    world.clock.set(NOON + timedelta(minutes=15))
    late = await world.redeem(code)
    world.clock.set(NOON + timedelta(minutes=14, seconds=59, milliseconds=999))

    assert late.verdict is Verdict.DEAD
    assert (await world.redeem(code)).verdict is Verdict.RIGHT


async def test_R48_three_wrong_entries_end_it_and_the_right_one_does_not_revive_it(world: World) -> None:
    await world.issue()
    wrong = await world.wrong()

    answers = [await world.redeem(wrong) for _ in range(3)]

    assert [(a.verdict, a.entries_left) for a in answers] == [
        (Verdict.WRONG, 2), (Verdict.WRONG, 1), (Verdict.LOCKED_TO_RA, 0),
    ]  # fmt: skip
    assert (await world.redeem(await world.code())).verdict is Verdict.LOCKED_TO_RA
    world.clock.advance(minutes=2)
    assert await world.issue() == Refusal("LOCKED_TO_RA")


async def test_S4_a_resend_gives_no_new_entries(world: World) -> None:
    await world.issue()
    await world.redeem(await world.wrong())
    world.clock.advance(seconds=60)

    status = await world.issue()

    assert status.entries_left == 2
    assert (await world.redeem(await world.wrong())).entries_left == 1


async def test_I9_the_same_wrong_attempt_is_counted_once(world: World) -> None:
    await world.issue()
    grant, attempt, wrong = world.grant(), world.attempt(), await world.wrong()

    answers = [await world.codes.redeem(grant, wrong, attempt) for _ in range(5)]

    assert {(a.verdict, a.entries_left) for a in answers} == {(Verdict.WRONG, 2)}
    assert len(await world.told(otp_events_pb2.CodeEntered)) == 1


async def test_I9_other_digits_are_an_entry_of_their_own_also_under_the_same_attempt(world: World) -> None:
    await world.issue()
    grant, attempt, right = world.grant(), world.attempt(), await world.code()
    wrong, other = [digits for digits in map("{:08d}".format, range(3)) if digits != right][:2]

    answers = [await world.codes.redeem(grant, typed, attempt) for typed in (wrong, other, wrong, other)]

    assert [(a.verdict, a.entries_left) for a in answers] == [(Verdict.WRONG, left) for left in (2, 1, 2, 1)]
    assert len(await world.told(otp_events_pb2.CodeEntered)) == 2


async def test_the_right_digits_are_right_also_where_their_attempt_was_wrong_before(world: World) -> None:
    await world.issue()
    grant, attempt, right = world.grant(), world.attempt(), await world.code()
    await world.codes.redeem(grant, await world.wrong(), attempt)

    answers = [await world.codes.redeem(grant, typed, attempt) for typed in (right, right)]

    assert [answer.verdict for answer in answers] == [Verdict.RIGHT] * 2
    assert len({answer.grant for answer in answers}) == 1


async def test_I1_the_attempt_that_used_a_code_earns_nothing_with_other_digits(world: World) -> None:
    await world.issue()
    attempt = world.attempt()
    await world.codes.redeem(world.grant(), await world.code(), attempt)

    answer = await world.codes.redeem(world.grant(), await world.wrong(), attempt)

    assert (answer.verdict, answer.grant) == (Verdict.DEAD, "")


async def test_R48_one_attempt_with_many_digits_spends_three_entries_and_then_the_lock(world: World) -> None:
    await world.issue()
    grant, attempt, right = world.grant(), world.attempt(), await world.code()
    guesses = [digits for digits in map("{:08d}".format, range(5)) if digits != right][:3]

    lefts = [(await world.codes.redeem(grant, typed, attempt)).entries_left for typed in (*guesses, right)]

    assert lefts == [2, 1, 0, 0]
    assert (await world.codes.redeem(grant, right, attempt)).verdict is Verdict.LOCKED_TO_RA


async def test_spaces_make_no_other_digits(world: World) -> None:
    await world.issue()
    grant, attempt, wrong = world.grant(), world.attempt(), await world.wrong()

    lefts = [
        (await world.codes.redeem(grant, typed, attempt)).entries_left
        for typed in (wrong, f"{wrong[:4]} {wrong[4:]}")
    ]

    assert lefts == [2, 2]


async def test_the_locking_attempt_repeats_its_answer(world: World) -> None:
    await world.issue()
    wrong = await world.wrong()
    for _ in range(2):
        await world.redeem(wrong)
    grant, attempt = world.grant(), world.attempt()

    answers = [await world.codes.redeem(grant, wrong, attempt) for _ in range(2)]

    assert {(a.verdict, a.entries_left) for a in answers} == {(Verdict.LOCKED_TO_RA, 0)}


@pytest.mark.parametrize("typed", ["", "abcdefgh", "1234567", "123456789", "1" * 32])
async def test_a_malformed_entry_spends_nothing(world: World, typed: str) -> None:
    await world.issue()

    answer = await world.redeem(typed)

    assert (answer.verdict, answer.entries_left) == (Verdict.MALFORMED, 3)
    assert (await world.redeem(await world.wrong())).entries_left == 2


async def test_I10_a_superseded_code_spends_nothing_and_the_newest_is_right(world: World) -> None:
    await world.issue()
    old = await world.code()
    world.clock.advance(seconds=60)
    await world.issue()

    answer = await world.redeem(old)

    assert (answer.verdict, answer.entries_left) == (Verdict.SUPERSEDED, 3)
    assert (await world.redeem(await world.code())).verdict is Verdict.RIGHT


async def test_S10_a_resend_waits_60_seconds_and_there_are_two(world: World) -> None:
    await world.issue()
    assert await world.issue() == Refusal("RESEND_TOO_SOON", NOON + timedelta(seconds=60))
    for left in (1, 0):
        world.clock.advance(seconds=60)
        assert (await world.issue()).resends_left == left
    world.clock.advance(seconds=60)

    assert await world.issue() == Refusal("NO_MORE_CODES")
    assert len(await world.mailed()) == 3


async def test_S10_six_mails_a_day_to_one_address_over_all_sessions_and_cards(world: World) -> None:
    for number in range(6):
        await world.issue(session_id=f"session {number}", card_ref=f"card {number % 2}")

    assert await world.issue(session_id="session 7") == Refusal("MAIL_LIMIT")
    assert isinstance(await world.issue(session_id="session 8", address_version=2), Status)
    world.clock.advance(hours=24)
    assert isinstance(await world.issue(session_id="session 9"), Status)


async def test_the_same_attempt_issues_one_code(world: World) -> None:
    grant, attempt = world.grant(), world.attempt()

    answers = [await world.codes.issue(grant, attempt) for _ in range(3)]

    assert len({answer.code_id for answer in answers if isinstance(answer, Status)}) == 1
    assert len(await world.mailed()) == 1


async def test_a_refusal_is_not_remembered(world: World) -> None:
    await world.issue()
    attempt = world.attempt()
    refused = await world.codes.issue(world.grant(), attempt)
    world.clock.advance(seconds=60)

    assert isinstance(refused, Refusal)
    assert isinstance(await world.codes.issue(world.grant(), attempt), Status)


async def test_R48_D1_the_lock_is_told_once_a_session_with_its_actor(world: World) -> None:
    await world.issue()
    wrong = await world.wrong()
    for _ in range(6):
        await world.redeem(wrong)
    for _ in range(2):
        await world.issue(session_id=OTHER_SESSION)

    outcomes = await world.told(common_pb2.SessionOutcome)

    assert [outcome.session_id for outcome in outcomes] == [GRANT.session_id, OTHER_SESSION]
    assert {outcome.kind for outcome in outcomes} == {common_pb2.OUTCOME_KIND_LOCKED_TO_RA}
    assert (outcomes[0].actor.kind, outcomes[0].organisation) == (common_pb2.ACTOR_KIND_HOLDER, "X26")
    assert (outcomes[0].reason, outcomes[0].route) == (common_pb2.REASON_LOCKED, common_pb2.ROUTE_SELF)


async def test_R48_the_lock_is_of_this_holder_and_card_only(world: World) -> None:
    await world.issue()
    wrong = await world.wrong()
    for _ in range(3):
        await world.redeem(wrong)

    assert await world.issue(session_id=OTHER_SESSION) == Refusal("LOCKED_TO_RA")
    assert isinstance(await world.issue(session_id=OTHER_SESSION, card_ref="another"), Status)


async def test_F14_a_code_sent_to_an_address_that_no_longer_stands_is_dead(world: World) -> None:
    await world.issue()

    answer = await world.redeem(await world.code(), address_version=2)

    assert (answer.verdict, answer.entries_left) == (Verdict.DEAD, 3)


async def test_S7_a_code_of_another_session_is_nothing_here(world: World) -> None:
    await world.issue(session_id=OTHER_SESSION)
    foreign = await world.code()
    await world.issue(session_id=GRANT.session_id)

    assert (await world.redeem(foreign)).verdict is Verdict.WRONG


async def test_a_session_of_somebody_else_is_refused(world: World) -> None:
    await world.issue()

    for changes in ({"holder_ref": "b1" * 16}, {"card_ref": "another"}):
        with pytest.raises(GrantRefused):
            await world.redeem(await world.code(), **changes)
        with pytest.raises(GrantRefused):
            await world.codes.status(world.grant(**changes))


async def test_S1_S2_without_a_good_grant_nothing_is_said(world: World) -> None:
    expired = world.grant(expires_at=NOON + timedelta(minutes=1))
    world.clock.advance(minutes=2)

    for token in ("", "random", expired, world.grant(purpose="REGISTER")):
        for call in (
            world.codes.issue(token, "a"),
            world.codes.status(token),
            world.codes.redeem(token, "1", "a"),
        ):
            with pytest.raises(GrantRefused):
                await call


@pytest.mark.parametrize("changes", [{"route": "RA_IN_PERSON"}, {"address_version": 0}])
async def test_no_code_is_mailed_where_there_is_no_address_or_another_route(
    world: World, changes: dict[str, object]
) -> None:
    with pytest.raises(ServiceError) as refused:
        await world.issue(**changes)

    assert refused.value.code == "NO_EMAIL"


async def test_a_grant_at_its_very_end_spends_no_code(world: World) -> None:
    await world.issue()
    ending = world.grant(expires_at=NOON + timedelta(seconds=1))
    world.clock.advance(milliseconds=500)

    with pytest.raises(GrantRefused):
        await world.codes.redeem(ending, await world.code(), world.attempt())
    assert (await world.redeem(await world.code())).verdict is Verdict.RIGHT


async def test_an_unlock_grant_never_outlives_the_grant_it_came_from(world: World) -> None:
    await world.issue()

    answer = await world.redeem(await world.code(), expires_at=NOON + timedelta(minutes=1))

    assert world.verify(answer.grant).expires_at == NOON + timedelta(minutes=1)


async def test_the_status_tells_the_delivery_and_what_is_left(world: World) -> None:
    assert await world.codes.status(world.grant()) is None
    issued = await world.issue()
    await world.redeem(await world.wrong())
    await world.codes.delivery_changed("event", issued.code_id, Delivery.NOT_SENT, "ADDRESS_CHANGED")

    status = await world.codes.status(world.grant())

    assert status is not None
    assert (status.delivery, status.delivery_reason) == (Delivery.NOT_SENT, "ADDRESS_CHANGED")
    assert (status.entries_left, status.live) == (2, True)


async def test_F4_a_mail_that_nobody_has_said_anything_of_is_late_after_20_seconds(world: World) -> None:
    issued = await world.issue()
    world.clock.advance(seconds=19)
    soon = await world.codes.status(world.grant())
    world.clock.advance(seconds=1)
    late = await world.codes.status(world.grant())
    await world.codes.delivery_changed("event", issued.code_id, Delivery.SENT, "")
    sent = await world.codes.status(world.grant())

    assert [(each.delivery, each.delivery_reason) for each in (soon, late, sent) if each] == [
        (Delivery.QUEUED, ""),
        (Delivery.QUEUED, "MAIL_LATE"),
        (Delivery.SENT, ""),
    ]


async def test_the_status_of_a_used_an_expired_and_a_locked_code_is_not_live(world: World) -> None:
    await world.issue()
    await world.redeem(await world.code())
    used = await world.codes.status(world.grant())
    await world.issue(session_id=OTHER_SESSION)
    world.clock.advance(minutes=15)
    expired = await world.codes.status(world.grant(session_id=OTHER_SESSION))

    assert used is not None
    assert not used.live
    assert expired is not None
    assert not expired.live


async def test_a_delivery_told_twice_is_taken_once(world: World) -> None:
    issued = await world.issue()
    await world.codes.delivery_changed("one", issued.code_id, Delivery.SENT, "")
    await world.codes.delivery_changed("two", issued.code_id, Delivery.NOT_SENT, "MAIL_REFUSED")
    await world.codes.delivery_changed("one", issued.code_id, Delivery.SENT, "")

    status = await world.codes.status(world.grant())

    assert status is not None
    assert status.delivery is Delivery.NOT_SENT


async def test_codes_are_deleted_after_a_day_and_counters_stay(world: World) -> None:
    await world.issue()
    for _ in range(3):
        await world.redeem(await world.wrong())
    world.clock.advance(hours=24, seconds=1)

    assert await world.codes.sweep() == 1
    assert await world.codes.status(world.grant()) is None
    assert await world.issue(session_id=OTHER_SESSION) == Refusal("LOCKED_TO_RA")


async def test_events_carry_the_facts_in_order(world: World) -> None:
    await world.issue()
    await world.redeem(await world.wrong())
    await world.redeem(await world.code())

    told = await world.told()

    assert [type(message).__name__ for message in told] == [
        "CodeIssued", "CodeRequested", "CodeEntered", "CodeEntered",
    ]  # fmt: skip
    assert [message.verdict for message in told[2:]] == [
        otp_pb2.REDEEM_VERDICT_WRONG,
        otp_pb2.REDEEM_VERDICT_RIGHT,
    ]
