"""Registering security questions: choose and answer, confirm the address, type the code. R41, R42, R43, R58.

Only where the policy is on. The card has to stay in until the code is asked for; from then on a grant of
its own goes on, and the holder is signed out, so that the cookie holds one grant at a time.
"""

from collections.abc import Awaitable
from typing import Any, TypeVar

from starlette.responses import Response

from services.runtime import errors
from services.web import texts, use_cases
from services.web.domain import entries
from services.web.domain.journey import REGISTER, REGISTER_CODE, REGISTER_EMAIL, REGISTERED, SIGN_IN
from services.web.domain.language import filled
from services.web.domain.questions import Answer, AnswersRefused, Offered
from services.web.pages.code import delivery_of, named_code, sentence
from services.web.pages.profile import answered, attended, own_profile
from services.web.pages.steps import session_of
from services.web.ports import Asked, CodeStatus, Refused, SessionView, Verdict
from services.web.visit import Elsewhere, Stop, Visit

PLACES = ("1", "2", "3", "4")
"""Of the form. Source: S1, "4 security questions"."""
AT_EMAIL = frozenset({"EMAIL_MISSING", "EMAIL_MALFORMED", "EMAIL_DOMAIN_NOT_ALLOWED"})
WAITING_HELPS = frozenset({"RESEND_TOO_SOON", "NO_MORE_CODES"})

A = TypeVar("A")


async def show_choose(visit: Visit) -> Response:
    """Offer twenty questions, in four places."""
    view = await attended(visit)
    return _choose(visit, view, await _offered(visit), {})


async def set_answers(visit: Visit) -> Response:
    """Keep questions and answers until the code comes, or say at its place what will not do."""
    view, grant = await attended(visit), _signed_in(visit)
    offered = await _offered(visit)
    answers = [_answer(visit, place) for place in PLACES]
    refused = await answered(visit, lambda: visit.peers.registration.set_answers(grant, answers))
    if isinstance(refused, Refused):
        raise Stop(refused.code, refused.registration_authority)
    visit.answered()
    if refused is None:
        return visit.move(REGISTER_EMAIL)
    return _choose(visit, view, offered, _errors(refused, answers))


def _signed_in(visit: Visit) -> str:
    """Return the grant of whoever is signed in; leads to the code where it is awaited already."""
    if not visit.journey.profile_grant:
        raise Elsewhere(REGISTER_CODE if visit.journey.registration_grant else SIGN_IN)
    return visit.journey.profile_grant


async def _offered(visit: Visit) -> Offered:
    grant = _signed_in(visit)
    offered = await answered(visit, lambda: visit.peers.registration.questions(grant))
    if isinstance(offered, Refused):
        raise Stop(offered.code, offered.registration_authority)
    return offered


def _answer(visit: Visit, place: str) -> Answer:
    form = visit.form
    return Answer.typed(form.get(f"question_{place}", "")[:32], form.get(f"answer_{place}", ""))


def _errors(refused: AnswersRefused, answers: list[Answer]) -> dict[str, str]:
    """Return the code at each field: of an answer, or of the first place for what is wrong with all."""
    if refused.troubles:
        troubles = refused.troubles
        return {
            f"answer_{place}": troubles[answer.question]
            for place, answer in zip(PLACES, answers, strict=True)
            if answer.question in troubles
        }
    field = "answer_1" if refused.code == "ANSWERS_ALL_SAME" else "question_1"
    return {field: refused.code}


def _choose(visit: Visit, view: SessionView, offered: Offered, codes: dict[str, str]) -> Response:
    told = {field: texts.ANSWERS_REFUSED.get(code, code) for field, code in codes.items()}
    shown: dict[str, Any] = {"offered": offered, "codes": codes, "errors": told, "since": view.version}
    status = 400 if codes else 200
    return visit.page("register/choose.jinja", places=PLACES, typed=visit.form, status=status, **shown)


async def show_email(visit: Visit) -> Response:
    """Offer the address to be confirmed or overwritten. R42."""
    view, _ = await attended(visit), _signed_in(visit)
    profile = await own_profile(visit)
    return visit.page("register/email.jinja", address=profile.address, code="", error="", since=view.version)


async def confirm_email(visit: Visit) -> Response:
    """Let the address stand, and have the code sent to it; the holder is signed out by then."""
    view, grant = await attended(visit), _signed_in(visit)
    typed = visit.form.get("email", "")[:320]
    answer = await answered(visit, lambda: visit.peers.registration.confirm_email(grant, typed))
    if isinstance(answer, Refused):
        return _not_confirmed(visit, view, answer, typed)
    await _send(visit, view, answer.grant)
    visit.step_up(
        registration_grant=answer.grant, mailbox=answer.masked_address, profile_grant="", registered=False
    )
    return visit.move(REGISTER_CODE)


def _not_confirmed(visit: Visit, view: SessionView, refused: Refused, typed: str) -> Response:
    visit.answered()
    if refused.code not in AT_EMAIL:
        raise Stop(refused.code, refused.registration_authority)
    told: dict[str, Any] = {"code": refused.code, "error": texts.CONTACT_REFUSED[refused.code]}
    return visit.page("register/email.jinja", address=typed, since=view.version, status=400, **told)


async def _send(visit: Visit, view: SessionView, grant: str) -> None:
    """Have a code sent; one that was sent a moment ago does as well."""
    asked = Asked(visit.client_address, view.last_four, visit.house.sites.site_of(visit.client_address))
    codes = visit.peers.registration_codes
    answer = await _until_over(visit, codes.issue_code(grant, visit.attempt_id, asked))
    if isinstance(answer, Refused) and answer.code not in WAITING_HELPS:
        raise Stop(answer.code, retry_at=answer.retry_at)


async def _until_over(visit: Visit, asking: Awaitable[A]) -> A:
    """The answer of otp; where its grant has ended, the registration is over."""
    try:
        return await asking
    except errors.ServiceError as error:
        if error.code != "GRANT_REFUSED":
            raise
        _forget(visit)
        raise Stop("REGISTRATION_OVER") from error


def _forget(visit: Visit, *, registered: bool = False) -> None:
    visit.step_up(registration_grant="", mailbox="", registered=registered)


async def send_again(visit: Visit) -> Response:
    """Have another code sent."""
    grant = awaited(visit)
    await _send(visit, await session_of(visit), grant)
    visit.answered()
    return visit.move(REGISTER_CODE)


def awaited(visit: Visit) -> str:
    """Return the grant of the registration whose code is awaited; leads back where there is none."""
    if not visit.journey.registration_grant:
        raise Elsewhere(REGISTERED if visit.journey.registered else REGISTER)
    return visit.journey.registration_grant


async def status_of(visit: Visit) -> CodeStatus:
    """Tell how the code of the registration stands."""
    asking = visit.peers.registration_codes.code_status(awaited(visit))
    status = await _until_over(visit, asking)
    if status is None:
        _forget(visit)
        raise Elsewhere(REGISTER_EMAIL)
    if status.entries_left == 0:
        raise Stop("LOCKED_TO_RA")
    return status


async def show_code(visit: Visit) -> Response:
    """Show where the code stands and ask for it."""
    return _code_page(visit, await status_of(visit))


def _code_page(visit: Visit, status: CodeStatus, error: str = "", code: str = "") -> Response:
    told: dict[str, Any] = {"error": filled(error, digits=status.digits), "error_code": code}
    shown = told | {"holder": {"masked_address": visit.journey.mailbox}} | delivery_of(visit, status)
    return visit.page("register/code.jinja", **shown)


async def enter_code(visit: Visit) -> Response:
    """Have one entry judged; a right one completes the registration. R43, R58."""
    grant, typed = awaited(visit), entries.one_time_code(visit.form.get("code", ""))
    if typed is None:
        error = texts.CODE_MALFORMED if visit.form.get("code", "").strip() else texts.CODE_MISSING
        return _code_page(visit, await status_of(visit), error)
    codes, client = visit.peers.registration_codes, visit.client_address
    entry = await _until_over(visit, codes.redeem_code(grant, typed, visit.attempt_id, client))
    if entry.verdict is Verdict.RIGHT:
        return await _complete(visit, entry.grant)
    visit.answered()
    if entry.verdict is Verdict.LOCKED_TO_RA:
        raise Stop(use_cases.CODE_OF[entry.verdict])
    return _code_page(visit, await status_of(visit), sentence(entry), named_code(entry))


async def _complete(visit: Visit, mailbox_grant: str) -> Response:
    refused = await visit.peers.registration.complete(mailbox_grant)
    _forget(visit, registered=refused is None)
    if refused:
        raise Stop(refused.code, refused.registration_authority)
    return visit.move(REGISTERED)


async def show_registered(visit: Visit) -> Response:
    """Confirm that the holder is registered, and say when the questions are asked."""
    return visit.page("register/done.jinja")
