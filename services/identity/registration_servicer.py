"""Registering and answering, gRPC to use cases and back: translation only."""

from collections.abc import Iterable
from typing import Any

from smartcard_unlock.identity.v1 import registration_pb2 as wire
from smartcard_unlock.identity.v1 import registration_pb2_grpc

from services.identity.domain.questions import QUESTIONS, TO_CHOOSE, Answer
from services.identity.servicer import question_message, refused_message
from services.identity.use_cases import Refused
from services.identity.use_cases.answering import Answering
from services.identity.use_cases.registering import AnswersRefused, Registering
from services.runtime.errors import invalid
from services.runtime.timestamps import timestamp_of


class RegistrationServicer(registration_pb2_grpc.RegistrationServiceServicer):
    """RegistrationService. GrantRefused and ServiceError become statuses in the server."""

    def __init__(self, registering: Registering, answering: Answering) -> None:
        self._registering = registering
        self._answering = answering

    async def ListQuestions(  # noqa: N802
        self, request: wire.ListQuestionsRequest, context: Any
    ) -> wire.ListQuestionsResponse:
        """List the questions."""
        answer = await self._registering.questions(request.profile_grant)
        if isinstance(answer, Refused):
            return wire.ListQuestionsResponse(refused=refused_message(answer))
        since = answer.registered_at
        return wire.ListQuestionsResponse(
            questions=map(question_message, QUESTIONS),
            to_choose=TO_CHOOSE,
            registered_at=timestamp_of(since) if since else None,
        )

    async def SetAnswers(  # noqa: N802
        self, request: wire.SetAnswersRequest, context: Any
    ) -> wire.SetAnswersResponse:
        """Keep answers."""
        answer = await self._registering.set_answers(request.profile_grant, _answers(request.answers))
        if isinstance(answer, Refused):
            return wire.SetAnswersResponse(refused=refused_message(answer))
        if isinstance(answer, AnswersRefused):
            troubles = [
                wire.AnswerTrouble(question=each.question, code=each.code) for each in answer.troubles
            ]
            return wire.SetAnswersResponse(refused_code=answer.code, troubles=troubles)
        return wire.SetAnswersResponse()

    async def ConfirmEmail(  # noqa: N802
        self, request: wire.ConfirmEmailRequest, context: Any
    ) -> wire.ConfirmEmailResponse:
        """Confirm or overwrite the address."""
        answer = await self._registering.confirm_email(request.profile_grant, request.address)
        if isinstance(answer, Refused):
            return wire.ConfirmEmailResponse(refused=refused_message(answer))
        if isinstance(answer, str):
            return wire.ConfirmEmailResponse(refused_code=answer)
        confirmed = wire.EmailConfirmed(
            registration_grant=answer.registration_grant,
            masked_address=answer.masked_address,
            expires_at=timestamp_of(answer.expires_at),
        )
        return wire.ConfirmEmailResponse(confirmed=confirmed)

    async def CompleteRegistration(  # noqa: N802
        self, request: wire.CompleteRegistrationRequest, context: Any
    ) -> wire.CompleteRegistrationResponse:
        """Complete a registration."""
        answer = await self._registering.complete(request.mailbox_grant)
        if isinstance(answer, Refused):
            return wire.CompleteRegistrationResponse(refused=refused_message(answer))
        return wire.CompleteRegistrationResponse(refused_code=answer)

    async def AnswerQuestions(  # noqa: N802
        self, request: wire.AnswerQuestionsRequest, context: Any
    ) -> wire.AnswerQuestionsResponse:
        """Judge answers."""
        if not request.attempt_id:
            raise invalid()
        answer = await self._answering.answer(
            request.card_grant, _answers(request.answers), request.attempt_id
        )
        if isinstance(answer, Refused):
            return wire.AnswerQuestionsResponse(refused=refused_message(answer))
        verdict = wire.AnswersVerdict.Value(f"ANSWERS_VERDICT_{answer.verdict.value}")
        judged = wire.AnswersJudged(verdict=verdict, tries_left=answer.tries_left)
        return wire.AnswerQuestionsResponse(judged=judged)


def _answers(answers: Iterable[wire.Answer]) -> list[Answer]:
    return [Answer(answer.question, answer.text) for answer in answers]
