"""Security questions and codes of a registration cross the wire, and come back in the pages' own words."""

from typing import Any

import pytest
from smartcard_unlock.identity.v1 import identity_pb2, registration_pb2
from smartcard_unlock.otp.v1 import otp_pb2, registration_codes_pb2

from services.runtime import errors
from services.web.clients import GrpcIdentity, GrpcRegistration, GrpcRegistrationCodes
from services.web.domain.questions import (
    Answer,
    AnswersJudged,
    AnswersRefused,
    AnswersVerdict,
    Confirmed,
    Offered,
    Question,
    QuestionsAsked,
)
from services.web.ports import Asked, CodeStatus, Delivery, Redemption, Refused, Verdict
from tests.web.test_clients import INSTANT, STAMP, Answers, answers, channel

__all__ = ["answers", "channel"]


async def test_R41_R57_questions_and_answers_cross_the_wire(channel: Any, answers: Answers) -> None:
    registration = GrpcRegistration(channel)
    question = identity_pb2.SecurityQuestion(code="FIRST_PET", text="Which?")
    answers.answer = registration_pb2.ListQuestionsResponse(
        questions=[question], to_choose=4, registered_at=STAMP
    )
    assert await registration.questions("p") == Offered((Question("FIRST_PET", "Which?"),), 4, INSTANT)
    answers.answer = registration_pb2.SetAnswersResponse()
    assert await registration.set_answers("p", [Answer("FIRST_PET", "x")]) is None
    assert (answers.asked.answers[0].question, answers.asked.answers[0].text) == ("FIRST_PET", "x")
    trouble = registration_pb2.AnswerTrouble(question="FIRST_PET", code="ANSWER_TOO_SHORT")
    answers.answer = registration_pb2.SetAnswersResponse(refused_code="ANSWERS_REFUSED", troubles=[trouble])

    assert await registration.set_answers("p", []) == AnswersRefused(
        "ANSWERS_REFUSED", {"FIRST_PET": "ANSWER_TOO_SHORT"}
    )


async def test_R42_R58_an_address_is_confirmed_and_a_registration_completed_or_why_not(
    channel: Any, answers: Answers
) -> None:
    registration = GrpcRegistration(channel)
    confirmed = registration_pb2.EmailConfirmed(registration_grant="r", masked_address="t…1@example.org")
    answers.answer = registration_pb2.ConfirmEmailResponse(confirmed=confirmed)
    assert await registration.confirm_email("p", "a@example.org") == Confirmed("r", "t…1@example.org")
    answers.answer = registration_pb2.ConfirmEmailResponse(refused_code="EMAIL_MALFORMED")
    assert await registration.confirm_email("p", "a") == Refused("EMAIL_MALFORMED")
    answers.answer = registration_pb2.CompleteRegistrationResponse()
    assert await registration.complete("m") is None
    answers.answer = registration_pb2.CompleteRegistrationResponse(refused_code="REGISTRATION_OVER")

    assert await registration.complete("m") == Refused("REGISTRATION_OVER")


async def test_R48_questions_are_asked_first_and_judged_or_locked(channel: Any, answers: Answers) -> None:
    question = identity_pb2.SecurityQuestion(code="FIRST_PET", text="Which?")
    asked = identity_pb2.QuestionsAsked(questions=[question], tries_left=2)
    answers.answer = identity_pb2.ResolveHolderResponse(questions=asked)
    known = QuestionsAsked((Question("FIRST_PET", "Which?"),), 2)
    assert await GrpcIdentity(channel).resolve_holder("c") == known
    registration, given = GrpcRegistration(channel), [Answer("FIRST_PET", "x")]
    judged = registration_pb2.AnswersJudged(verdict=registration_pb2.ANSWERS_VERDICT_WRONG, tries_left=1)
    answers.answer = registration_pb2.AnswerQuestionsResponse(judged=judged)
    assert await registration.answer("c", given, "a") == AnswersJudged(AnswersVerdict.WRONG, 1)
    assert answers.asked.attempt_id == "a"
    locked = identity_pb2.HolderRefused(code="ANSWERS_LOCKED")
    answers.answer = registration_pb2.AnswerQuestionsResponse(refused=locked)
    assert await registration.answer("c", given, "a") == Refused("ANSWERS_LOCKED")
    answers.answer = registration_pb2.AnswerQuestionsResponse(judged=registration_pb2.AnswersJudged())

    with pytest.raises(errors.ServiceError, match="INTERNAL"):
        await registration.answer("c", given, "a")


async def test_R43_R58_codes_of_a_registration_are_issued_looked_at_and_redeemed(
    channel: Any, answers: Answers
) -> None:
    codes = GrpcRegistrationCodes(channel)
    status = otp_pb2.CodeStatus(delivery=otp_pb2.DELIVERY_STATE_SENT, expires_at=STAMP, entries_left=3)
    answers.answer = registration_codes_pb2.IssueRegistrationCodeResponse(issued=status)
    issued = await codes.issue_code("r", "a", Asked("192.0.2.1", "4F2A", "Site"))
    assert isinstance(issued, CodeStatus)
    assert (issued.delivery, issued.digits) == (Delivery.SENT, 8)
    assert (answers.asked.registration_grant, answers.asked.particulars.site) == ("r", "Site")
    answers.answer = registration_codes_pb2.GetRegistrationCodeStatusResponse()
    assert await codes.code_status("r") is None
    answers.answer = registration_codes_pb2.RedeemRegistrationCodeResponse(
        verdict=otp_pb2.REDEEM_VERDICT_RIGHT, entries_left=3, mailbox_grant="m"
    )

    assert await codes.redeem_code("r", "12345678", "b", "192.0.2.1") == Redemption(Verdict.RIGHT, 3, "m")
