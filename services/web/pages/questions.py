"""The security questions before a code: only where the policy is on. R48.

Nothing says which answer was wrong, and what was typed is on no page again. Each form is an attempt of its
own: sent twice it is judged once, and what another tab was told is no answer to it.
"""

from starlette.responses import Response

from services.web import texts, use_cases
from services.web.domain.journey import ADDRESS
from services.web.domain.questions import Answer, AnswersVerdict, QuestionsAsked
from services.web.pages.steps import session_at
from services.web.ports import SessionView
from services.web.visit import Elsewhere, Visit


async def show_questions(visit: Visit) -> Response:
    """Ask the holder's four questions."""
    view, asked = await _asked(visit)
    return _page(visit, view, asked, "")


async def answer_questions(visit: Visit) -> Response:
    """Have the answers judged; right ones open the way to a code."""
    view, asked = await _asked(visit)
    answers = [Answer.typed(question.code, visit.form.get(question.code, "")) for question in asked.questions]
    judged = await use_cases.answer_questions(visit.peers, view, answers, visit.attempt_id)
    if judged.verdict is AnswersVerdict.RIGHT:
        visit.step_up()
        return visit.move(ADDRESS)
    visit.answered()
    code = f"ANSWERS_{judged.verdict.value}"
    return _page(visit, view, QuestionsAsked(asked.questions, judged.tries_left), code)


async def _asked(visit: Visit) -> tuple[SessionView, QuestionsAsked]:
    """Return what is asked; leads on where nothing is."""
    view = await session_at(visit, ADDRESS)
    asked = await use_cases.questions_of(visit.peers, view)
    if asked is None:
        raise Elsewhere(ADDRESS)
    return view, asked


def _page(visit: Visit, view: SessionView, asked: QuestionsAsked, code: str) -> Response:
    error = texts.answers_refused(code, asked.tries_left)
    status = 400 if code else 200
    return visit.page("questions.jinja", view=view, asked=asked, code=code, error=error, status=status)
