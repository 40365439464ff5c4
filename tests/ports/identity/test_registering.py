"""The old service's registration, on both databases: register, answer, and three failures lead to the RA."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from typing import Any

import grpc
import pytest
from smartcard_unlock.common.v1 import common_pb2
from smartcard_unlock.identity.v1 import (
    identity_events_pb2,
    identity_pb2,
    ra_desk_pb2,
    registration_pb2,
    registration_pb2_grpc,
)
from sqlalchemy import select, update

from services.identity.domain.acts import ActReason, Why
from services.identity.domain.questions import WAITS_FOR, Answer
from services.identity.tables import holders, registrations
from services.identity.use_cases import Asked, Refused, Resolved
from services.identity.use_cases.acting import Errand
from services.identity.use_cases.answering import Judged, Verdict
from services.identity.use_cases.desk import ShownHolder
from services.identity.use_cases.registering import SETS_AT_ONCE, AnswersRefused, Confirmed, Offered
from services.runtime.errors import ServiceError
from services.runtime.grants import GrantRefused, GrantVerifier, RegistrationGrant
from services.runtime.grpc_client import connect
from tests.ports.at_once import at_once
from tests.ports.bare_calls import tls_of
from tests.ports.identity.test_calls import serving
from tests.ports.identity.world import CARD, CARD_REF, HOLDER, RA_CARD, World

FOUR = [
    Answer("FIRST_SCHOOL", "St Example's"),
    Answer("FIRST_PET", "Biscuit"),
    Answer("CHILDHOOD_WISH", "an astronaut"),
    Answer("PARENTS_MET", "Exampleton"),
]
WRONG = [*FOUR[:3], Answer("PARENTS_MET", "Elsewhere")]
ADDRESS = HOLDER["email"]
OTHER_SESSION = "0195573c-0000-7000-8000-000000000002"
CHECKED = Why(ActReason.HOLDER_CHECKED)


def attempt(number: int) -> str:
    return f"0195573c-0000-7000-8000-{number:012}"


@pytest.fixture
async def asking(world: World) -> World:
    """identity with the policy on, one holder and their RA."""
    await world.populate_desk()
    return world.asking()


async def register(world: World, answers: list[Answer] = FOUR) -> str:
    """All steps of a registration; what completing it answered."""
    grant = await world.profile_grant()
    assert await world.registering.set_answers(grant, answers) is None
    assert isinstance(await world.registering.confirm_email(grant, ADDRESS), Confirmed)
    answer = await world.registering.complete(await world.mailbox_grant())
    assert isinstance(answer, str)
    return answer


async def answer(world: World, answers: list[Answer], number: int, **changes: Any) -> Judged | Refused:
    return await world.answering.answer(world.grant(**changes), answers, attempt(number))


async def rows(world: World) -> list[Any]:
    async with world.database.read() as connection:
        return list((await connection.execute(select(registrations))).all())


async def told(world: World, kind: Any) -> list[Any]:
    return await world.told(kind)


async def test_R41_R57_R58_answers_wait_as_a_hash_for_the_code_that_completes_them(asking: World) -> None:
    grant = await asking.profile_grant()
    assert await asking.registering.set_answers(grant, FOUR) is None
    (waiting,) = await rows(asking)
    before = await asking.registering.questions(grant)
    assert await register(asking) == ""
    (done,) = await rows(asking)

    assert (waiting.complete, done.complete) == (False, True)
    assert done.answers_hash.startswith("$argon2id$v=19$")
    assert done.questions.split() == [each.question for each in FOUR]
    assert "biscuit" not in str(done).casefold()
    assert before == Offered(None)
    assert await asking.registering.questions(grant) == Offered(asking.clock.now())
    (event,) = await told(asking, identity_events_pb2.HolderRegistered)
    assert (event.card_ref, event.actor.kind) == (CARD_REF, common_pb2.ACTOR_KIND_HOLDER)
    assert event.address_version == 1


async def test_R58_completing_twice_is_once_and_nothing_waits_in_another_session(asking: World) -> None:
    assert await register(asking) == ""
    twice = [partial(asking.registering.complete, await asking.mailbox_grant()) for _ in range(2)]

    assert await at_once(twice) == ["", ""]
    assert len(await told(asking, identity_events_pb2.HolderRegistered)) == 1
    other = await asking.mailbox_grant(session_id=OTHER_SESSION)
    assert await asking.registering.complete(other) == "REGISTRATION_OVER"


async def test_R58_a_second_registration_of_one_session_counts_as_the_first_did(asking: World) -> None:
    await register(asking)
    (first,) = await rows(asking)
    assert await register(asking, WRONG) == ""
    (second,) = await rows(asking)

    assert second.answers_hash != first.answers_hash
    assert len(await told(asking, identity_events_pb2.HolderRegistered)) == 2
    assert await answer(asking, WRONG, 1) == Judged(Verdict.RIGHT, 3)


async def test_R58_a_code_that_was_typed_for_other_answers_completes_none(asking: World) -> None:
    grant = await asking.profile_grant()
    await asking.registering.set_answers(grant, FOUR)
    mailbox = await asking.mailbox_grant()
    asking.clock.advance(seconds=31)
    await asking.registering.set_answers(grant, WRONG)

    assert await asking.registering.complete(mailbox) == "REGISTRATION_OVER"
    assert [row.complete for row in await rows(asking)] == [False]
    assert await asking.registering.complete(await asking.mailbox_grant()) == ""


async def test_R40_R42_a_number_that_stands_is_not_judged_anew_with_the_address(asking: World) -> None:
    grant = await asking.profile_grant()
    await asking.registering.set_answers(grant, FOUR)
    async with asking.database.begin("test.number") as connection:
        await connection.execute(update(holders).values(mobile="+4470"))

    assert isinstance(await asking.registering.confirm_email(grant, "new@example.org"), Confirmed)
    (event,) = await told(asking, identity_events_pb2.ContactChanged)
    assert (event.address_version, event.mobile_changed) == (2, False)


async def test_R57_a_holder_sets_answers_one_by_one_and_not_without_end(asking: World) -> None:
    grant = await asking.profile_grant()
    together = await asyncio.gather(
        *(asking.registering.set_answers(grant, FOUR) for _ in range(5)), return_exceptions=True
    )
    refused = [each for each in together if each is not None]

    assert len(refused) == 4
    for _ in range(SETS_AT_ONCE - 1):
        assert await asking.registering.set_answers(grant, FOUR) is None
    with pytest.raises(ServiceError, match="ANSWERS_TOO_OFTEN") as last:
        await asking.registering.set_answers(grant, FOUR)
    assert all(isinstance(each, ServiceError) and each.retry_after == 1.0 for each in refused)
    assert last.value.status is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert last.value.retry_after is not None
    ra = await asking.profile_grant(card_ref=RA_CARD)
    assert await asking.registering.set_answers(ra, FOUR) is None


async def test_R58_what_waits_too_long_or_for_another_mailbox_is_over(asking: World) -> None:
    grant = await asking.profile_grant()
    assert await asking.registering.confirm_email(grant, ADDRESS) == "REGISTRATION_OVER"
    await asking.registering.set_answers(grant, FOUR)
    elsewhere = await asking.mailbox_grant(address_version=2)
    assert await asking.registering.complete(elsewhere) == "REGISTRATION_OVER"
    asking.clock.advance(minutes=WAITS_FOR / timedelta(minutes=1))

    assert await asking.registering.complete(await asking.mailbox_grant()) == "REGISTRATION_OVER"
    await asking.holders.sweep()
    assert await rows(asking) == []


@pytest.mark.parametrize("changes", [{"purpose": "UNLOCK"}, {"purpose": "PROFILE"}])
async def test_R58_a_grant_of_another_purpose_completes_nothing(
    asking: World, changes: dict[str, Any]
) -> None:
    await asking.registering.set_answers(await asking.profile_grant(), FOUR)

    with pytest.raises(GrantRefused):
        await asking.registering.complete(await asking.mailbox_grant(**changes))


async def test_R41_R57_what_will_not_do_is_refused_and_not_kept(asking: World) -> None:
    grant = await asking.profile_grant()
    short = await asking.registering.set_answers(grant, [*FOUR[:3], Answer("PARENTS_MET", "x")])
    same = await asking.registering.set_answers(grant, [Answer(each.question, "same") for each in FOUR])
    three = await asking.registering.set_answers(grant, FOUR[:3])

    assert isinstance(short, AnswersRefused)
    assert [(each.question, each.code) for each in short.troubles] == [("PARENTS_MET", "ANSWER_TOO_SHORT")]
    assert [same, three] == [AnswersRefused("ANSWERS_ALL_SAME"), AnswersRefused("QUESTIONS_NOT_FOUR")]
    assert await rows(asking) == []


async def test_R42_the_address_is_confirmed_or_overwritten_under_the_allow_list(asking: World) -> None:
    grant = await asking.profile_grant()
    await asking.registering.set_answers(grant, FOUR)
    typed = ("", "nonsense", "one@elsewhere.example.net")
    codes = [await asking.registering.confirm_email(grant, each) for each in typed]
    stands = await asking.registering.confirm_email(grant, ADDRESS)
    changed = await asking.registering.confirm_email(grant, "new@example.org")
    verifier = GrantVerifier.from_dir(asking.keys.verify_dir, "otp", asking.clock)

    assert codes == ["EMAIL_MISSING", "EMAIL_MALFORMED", "EMAIL_DOMAIN_NOT_ALLOWED"]
    assert isinstance(stands, Confirmed)
    assert isinstance(changed, Confirmed)
    given = [verifier.verify(each.registration_grant, RegistrationGrant) for each in (stands, changed)]
    assert [(each.address_version, each.purpose) for each in given] == [(1, "REGISTER"), (2, "REGISTER")]
    assert changed.masked_address == "n…w@example.org"
    (event,) = await told(asking, identity_events_pb2.ContactChanged)
    assert (event.old_address_version, event.address_version) == (1, 2)


async def test_R48_the_questions_come_before_the_grant_for_a_code(asking: World) -> None:
    assert (await asking.resolve()).code == "NOT_REGISTERED"
    await register(asking)
    assert await asking.resolve() == Asked(tuple(each.question for each in FOUR), 3)
    assert await answer(asking, FOUR, 1) == Judged(Verdict.RIGHT, 3)

    assert isinstance(await asking.resolve(), Resolved)
    assert isinstance(await asking.resolve(session_id=OTHER_SESSION), Asked)


async def test_R48_answers_are_taken_as_people_type_them(asking: World) -> None:
    await register(asking)
    typed = [Answer("PARENTS_MET", " EXAMPLETON. "), *FOUR[:2], Answer("CHILDHOOD_WISH", "An  Astronaut!")]

    assert await answer(asking, typed, 1) == Judged(Verdict.RIGHT, 3)


async def test_R2_a_change_is_proven_by_the_passcode_and_asks_nothing(asking: World) -> None:
    assert isinstance(await asking.resolve(reason="CHANGE"), Resolved)
    assert isinstance(await asking.resolve(route="RA_IN_PERSON"), Resolved)
    with pytest.raises(ServiceError, match="BAD_REQUEST"):
        await answer(asking, FOUR, 1, reason="CHANGE")


async def test_R48_three_failures_lock_the_card_whatever_the_session_and_tell_it(asking: World) -> None:
    await register(asking)
    sessions = [attempt(100 + number) for number in range(4)]
    first = await answer(asking, WRONG, 1, session_id=sessions[0])
    again = await answer(asking, WRONG, 1, session_id=sessions[0])
    second = await answer(asking, WRONG, 2, session_id=sessions[1])
    third = await answer(asking, WRONG, 3, session_id=sessions[2])

    assert first == again == Judged(Verdict.WRONG, 2)
    assert second == Judged(Verdict.WRONG, 1)
    assert isinstance(third, Refused)
    assert third.registration_authority is not None
    assert (third.code, third.registration_authority.name) == ("ANSWERS_LOCKED", "Example Hospital")
    assert (await asking.resolve(session_id=sessions[3])).code == "ANSWERS_LOCKED"
    right = await answer(asking, FOUR, 4, session_id=sessions[3])
    assert isinstance(right, Refused)
    events = await told(asking, identity_events_pb2.QuestionsAnswered)
    counted = [(each.right, each.tries_left, each.address_version) for each in events]
    assert counted == [(False, 2, 0), (False, 1, 0), (False, 0, 1)]
    outcomes = await told(asking, common_pb2.SessionOutcome)
    assert {(each.session_id, each.code) for each in outcomes} == {
        (sessions[2], "ANSWERS_LOCKED"),
        (sessions[3], "ANSWERS_LOCKED"),
    }


async def test_R48_failures_of_one_card_lock_no_other_of_the_same_holder(asking: World) -> None:
    other = "d7" * 16
    await asking.take(CARD | {"card_ref": other})
    await register(asking)
    for number in range(3):
        await answer(asking, WRONG, number)

    assert (await asking.resolve()).code == "ANSWERS_LOCKED"
    assert await asking.resolve(card_ref=other, session_id=OTHER_SESSION) == Asked(
        tuple(each.question for each in FOUR), 3
    )


async def test_R48_right_answers_end_a_row_and_missing_ones_spend_nothing(asking: World) -> None:
    await register(asking)
    missing = [*FOUR[:3], Answer("PARENTS_MET", " ")]
    verdicts = [
        await answer(asking, said, number) for number, said in enumerate((WRONG, missing, FOUR, WRONG))
    ]

    assert verdicts == [
        Judged(Verdict.WRONG, 2),
        Judged(Verdict.INCOMPLETE, 2),
        Judged(Verdict.RIGHT, 3),
        Judged(Verdict.WRONG, 2),
    ]


async def test_R48_ten_failures_at_once_are_counted_one_by_one(asking: World) -> None:
    await register(asking)
    answers = await at_once(partial(answer, asking, WRONG, number) for number in range(10))
    judged = sorted(each.tries_left for each in answers if isinstance(each, Judged))

    assert judged == [1, 2]
    assert len(await told(asking, common_pb2.SessionOutcome)) == 1
    events = await told(asking, identity_events_pb2.QuestionsAnswered)
    assert sorted(each.address_version for each in events if not each.tries_left)[-2:] == [0, 1]
    assert isinstance(await answer(asking, FOUR, 11), Refused)


async def test_R48_an_ra_clears_the_lock_with_a_reason_and_gives_three_more(asking: World) -> None:
    await register(asking)
    for number in range(3):
        await answer(asking, WRONG, number)
    ra, ref = await asking.profile_grant(card_ref=RA_CARD), await asking.holder_ref()
    shown = await asking.desk.show(ra, ref)
    clear = asking.acts.clear_answers_lock

    assert isinstance(shown, ShownHolder)
    assert [card.answers_locked_at for card in shown.record.cards] == [asking.clock.now()]
    assert await clear(Errand(ra, ref, Why(None), attempt(50)), CARD_REF) == "REASON_MISSING"
    assert await clear(Errand(ra, ref, CHECKED, attempt(50)), RA_CARD) == "CARD_NOT_AS_SHOWN"
    assert await clear(Errand(ra, ref, CHECKED, attempt(51)), CARD_REF) == ""
    assert await clear(Errand(ra, ref, CHECKED, attempt(51)), CARD_REF) == ""
    assert await clear(Errand(ra, ref, CHECKED, attempt(52)), CARD_REF) == "CARD_NOT_AS_SHOWN"
    assert await answer(asking, WRONG, 60, session_id=OTHER_SESSION) == Judged(Verdict.WRONG, 2)
    (event,) = await told(asking, identity_events_pb2.AnswersLockCleared)
    assert (event.actor.ref, event.reason) == (
        await asking.holder_ref("test-holder-0009"),
        identity_events_pb2.ACT_REASON_HOLDER_CHECKED,
    )
    changes = await asking.desk.changes(ra, ref)
    assert not isinstance(changes, Refused | str)
    assert changes[0].kind.value == "ANSWERS_CLEARED"


async def test_R48_nobody_clears_their_own_lock_and_no_holder_clears_any(asking: World) -> None:
    ra, ref = await asking.profile_grant(card_ref=RA_CARD), await asking.holder_ref()
    own = await asking.holder_ref("test-holder-0009")
    clear = asking.acts.clear_answers_lock

    assert await clear(Errand(ra, own, CHECKED, attempt(1)), RA_CARD) == "OWN_PROFILE"
    with pytest.raises(GrantRefused):
        await clear(Errand(await asking.profile_grant(), ref, CHECKED, attempt(2)), CARD_REF)


async def test_R41_a_card_that_is_frozen_registers_nothing_and_answers_nothing(asking: World) -> None:
    grant, mailbox = await asking.profile_grant(), await asking.mailbox_grant()
    await register(asking)
    await asking.set_card_status("FROZEN", CARD_REF)
    refused = [
        await asking.registering.questions(grant),
        await asking.registering.set_answers(grant, FOUR),
        await asking.registering.complete(mailbox),
        await answer(asking, FOUR, 1),
    ]

    assert [each.code if isinstance(each, Refused) else each for each in refused] == ["CARD_FROZEN"] * 4


async def test_S51_where_the_policy_is_off_every_good_grant_is_told_so(world: World) -> None:
    ra = await world.populate_desk()
    grant, ref = await world.profile_grant(), await world.holder_ref()
    calls = [
        world.registering.questions(grant),
        world.registering.set_answers(grant, FOUR),
        world.registering.confirm_email(grant, ADDRESS),
        world.registering.complete(await world.mailbox_grant()),
        world.answering.answer(world.grant(), FOUR, attempt(1)),
        world.acts.clear_answers_lock(Errand(ra, ref, CHECKED, attempt(2)), CARD_REF),
    ]
    for call in calls:
        with pytest.raises(ServiceError, match="QUESTIONS_OFF"):
            await call
    assert isinstance(await world.resolve(), Resolved)


@pytest.fixture
async def stub(
    world: World,
) -> AsyncIterator[tuple[World, registration_pb2_grpc.RegistrationServiceStub, Any]]:
    asking = world.asking()
    async with serving(asking) as served:
        channel = connect("identity", served.address_of_server, tls_of(world.keys, "web"))
        yield asking, registration_pb2_grpc.RegistrationServiceStub(channel), served
        await channel.close()


async def test_R41_R48_registering_and_answering_cross_the_wire(stub: tuple[World, Any, Any]) -> None:
    world, calls, served = stub
    await world.populate_desk()
    grant: dict[str, Any] = {"profile_grant": await world.profile_grant()}
    said = [registration_pb2.Answer(question=each.question, text=each.text) for each in FOUR]
    listed = await calls.ListQuestions(registration_pb2.ListQuestionsRequest(**grant))
    few = await calls.SetAnswers(registration_pb2.SetAnswersRequest(**grant, answers=said[:3]))
    kept = await calls.SetAnswers(registration_pb2.SetAnswersRequest(**grant, answers=said))
    email = await calls.ConfirmEmail(registration_pb2.ConfirmEmailRequest(**grant, address=ADDRESS))
    mailbox = registration_pb2.CompleteRegistrationRequest(mailbox_grant=await world.mailbox_grant())
    done = await calls.CompleteRegistration(mailbox)
    asked = (await served.resolve(world.grant())).questions

    assert (len(listed.questions), listed.to_choose, listed.HasField("registered_at")) == (20, 4, False)
    assert (few.refused_code, kept.refused_code, done.refused_code) == ("QUESTIONS_NOT_FOUR", "", "")
    assert email.confirmed.masked_address == "t…1@example.org"
    assert [each.code for each in asked.questions] == [each.question for each in FOUR]
    assert asked.questions[1].text == "What was the name of your first pet?"
    card: dict[str, Any] = {"card_grant": world.grant()}
    wrong = [registration_pb2.Answer(question=each.question, text=each.text) for each in WRONG]
    for number, left in ((1, 2), (2, 1)):
        request = registration_pb2.AnswerQuestionsRequest(**card, answers=wrong, attempt_id=attempt(number))
        judged = (await calls.AnswerQuestions(request)).judged
        assert (judged.verdict, judged.tries_left) == (registration_pb2.ANSWERS_VERDICT_WRONG, left)
    last = registration_pb2.AnswerQuestionsRequest(**card, answers=wrong, attempt_id=attempt(3))
    assert (await calls.AnswerQuestions(last)).refused.code == "ANSWERS_LOCKED"
    assert isinstance((await served.resolve(world.grant())).refused, identity_pb2.HolderRefused)
    ra, ref = await world.profile_grant(card_ref=RA_CARD), await world.holder_ref()
    record = await served.desk.GetHolder(ra_desk_pb2.GetHolderRequest(profile_grant=ra, holder_ref=ref))
    assert record.holder.cards[0].HasField("answers_locked_at")
    cleared = ra_desk_pb2.ClearAnswersLockRequest(
        profile_grant=ra,
        holder_ref=ref,
        card_ref=CARD_REF,
        reason=identity_events_pb2.ACT_REASON_HOLDER_CHECKED,
        attempt_id=attempt(9),
    )
    assert (await served.desk.ClearAnswersLock(cleared)).refused_code == ""
    with pytest.raises(ServiceError, match="BAD_REQUEST"):
        await calls.AnswerQuestions(registration_pb2.AnswerQuestionsRequest(**card, answers=said))
