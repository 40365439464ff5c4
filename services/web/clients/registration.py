"""identity's registration with security questions, over gRPC."""

from collections.abc import Sequence

import grpc
from smartcard_unlock.identity.v1 import registration_pb2 as wire
from smartcard_unlock.identity.v1 import registration_pb2_grpc

from services.runtime import errors
from services.web import ports
from services.web.clients.identity import questions_of, refused_of
from services.web.clients.wire import instant, named
from services.web.domain.questions import (
    Answer,
    AnswersJudged,
    AnswersRefused,
    AnswersVerdict,
    Confirmed,
    Offered,
)
from services.web.ports import Refused


class GrpcRegistration(ports.Registration):
    """RegistrationService."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = registration_pb2_grpc.RegistrationServiceStub(channel)

    async def questions(self, profile_grant: str) -> Offered | Refused:
        """List the questions."""
        response = await self._stub.ListQuestions(wire.ListQuestionsRequest(profile_grant=profile_grant))
        if response.HasField("refused"):
            return refused_of(response.refused)
        since = instant(response.registered_at) if response.HasField("registered_at") else None
        return Offered(questions_of(response.questions), response.to_choose, since)

    async def set_answers(
        self, profile_grant: str, answers: Sequence[Answer]
    ) -> AnswersRefused | Refused | None:
        """Keep answers."""
        request = wire.SetAnswersRequest(profile_grant=profile_grant, answers=map(_answer, answers))
        response = await self._stub.SetAnswers(request)
        if response.HasField("refused"):
            return refused_of(response.refused)
        if not response.refused_code:
            return None
        return AnswersRefused(response.refused_code, {each.question: each.code for each in response.troubles})

    async def confirm_email(self, profile_grant: str, address: str) -> Confirmed | Refused:
        """Confirm or overwrite the address."""
        request = wire.ConfirmEmailRequest(profile_grant=profile_grant, address=address)
        response = await self._stub.ConfirmEmail(request)
        match response.WhichOneof("verdict"):
            case "confirmed":
                return Confirmed(response.confirmed.registration_grant, response.confirmed.masked_address)
            case "refused":
                return refused_of(response.refused)
        return Refused(response.refused_code or "INTERNAL")

    async def complete(self, mailbox_grant: str) -> Refused | None:
        """Complete the registration whose code was typed."""
        request = wire.CompleteRegistrationRequest(mailbox_grant=mailbox_grant)
        response = await self._stub.CompleteRegistration(request)
        if response.HasField("refused"):
            return refused_of(response.refused)
        return Refused(response.refused_code) if response.refused_code else None

    async def answer(
        self, card_grant: str, answers: Sequence[Answer], attempt_id: str
    ) -> AnswersJudged | Refused:
        """Judge answers."""
        request = wire.AnswerQuestionsRequest(
            card_grant=card_grant, answers=map(_answer, answers), attempt_id=attempt_id
        )
        response = await self._stub.AnswerQuestions(request)
        if response.WhichOneof("verdict") != "judged":
            return refused_of(response.refused)
        verdict = named(wire.AnswersVerdict, response.judged.verdict, "ANSWERS_VERDICT_")
        if verdict not in AnswersVerdict.__members__:
            raise errors.internal("INTERNAL")
        return AnswersJudged(AnswersVerdict[verdict], response.judged.tries_left)


def _answer(answer: Answer) -> wire.Answer:
    return wire.Answer(question=answer.question, text=answer.text)
