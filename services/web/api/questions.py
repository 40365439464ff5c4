"""The security questions before a code: there only where a deployment asks them. R48."""

from fastapi import APIRouter

from services.web import use_cases
from services.web.api.asked import QuestionAnswers
from services.web.api.caller import Caller, OfSession
from services.web.api.gate import JudgedRoute
from services.web.api.problems import Refusal
from services.web.api.refusals import IN_SESSION, WITH_BODY, refusals
from services.web.api.told import Questions, Session, Step
from services.web.domain.questions import Answer, AnswersVerdict
from services.web.use_cases import Stop

router = APIRouter(route_class=JudgedRoute, tags=["holder and code"])


@router.get("/session/questions", responses=refusals(404, *IN_SESSION))
async def get_questions(caller: OfSession) -> Questions:
    """Tell which security questions the holder answers before a code; none where nothing is left to answer.

    Open where `step` is `CODE`. Where this service asks no questions there is nothing here (404); where it
    does, the calls of the code are refused with `QUESTIONS_UNANSWERED` until they are answered.
    """
    _where_asked(caller)
    view = await caller.view_at(Step.CODE)
    return Questions.of(await use_cases.questions_of(caller.peers, view))


@router.post("/session/question-answers", responses=refusals(404, *IN_SESSION, *WITH_BODY))
async def answer_questions(caller: OfSession, asked: QuestionAnswers) -> Session:
    """Have the four answers judged, all together; right ones open the way to a code.

    Wrong ones are refused with `ANSWERS_WRONG` and `tries_left`, and nothing says which; the third failure in
    a row, over all sessions, with `ANSWERS_LOCKED`. `ANSWERS_INCOMPLETE` spends nothing.
    """
    _where_asked(caller)
    view = await caller.view_at(Step.CODE)
    answers = [Answer(each.question, each.text) for each in asked.answers]
    judged = await use_cases.answer_questions(caller.peers, view, answers, asked.attempt_id)
    if judged.verdict is not AnswersVerdict.RIGHT:
        raise Refusal(f"ANSWERS_{judged.verdict.value}", tries_left=judged.tries_left)
    return Session.of(caller.session_id, await caller.view())


def _where_asked(caller: Caller) -> None:
    if not caller.house.settings.asks_questions:
        raise Stop("PAGE_NOT_FOUND")
