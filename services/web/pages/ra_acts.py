"""What an RA does for a holder: an address, a freeze, its end; each with a reason. R7, R25, R64."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from services.web import texts
from services.web.pages.profile import answered
from services.web.pages.ra_desk import REFERENCE, grant_of, holder_of, of_desk
from services.web.ports import CardAct, HolderRecord, Refused, Why
from services.web.visit import Stop, Visit

LONGEST_NOTE = 300
"""Characters. Source: the contract of the desk."""
AT_REASON = frozenset({"REASON_MISSING"})
AT_NOTE = frozenset({"NOTE_MISSING", "NOTE_TOO_LONG"})
AT_EMAIL = frozenset({"EMAIL_MISSING", "EMAIL_MALFORMED", "EMAIL_DOMAIN_NOT_ALLOWED"})


@dataclass(frozen=True)
class Asked:
    """What the form of an act asks."""

    template: str
    reasons: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Done:
    """How the success of an act is told."""

    title: str
    told: str


ADDRESS = Asked("ra/address.jinja", texts.ADDRESS_REASONS)
FREEZE = Asked("ra/freeze.jinja", texts.FREEZE_REASONS)
ANSWERS = Asked("ra/answers.jinja", texts.ANSWERS_REASONS)
LIFT = Asked("ra/lift.jinja", texts.LIFT_REASONS)
ADDRESS_SET = Done(texts.ADDRESS_SET, texts.ADDRESS_SET_TOLD)
ADDRESS_WAITS = Done(texts.ADDRESS_WAITS, texts.ADDRESS_WAITS_TOLD)
CARD_ACTS = {
    CardAct.FREEZE: (FREEZE, Done(texts.CARD_FROZEN, texts.CARD_FROZEN_TOLD)),
    CardAct.LIFT: (LIFT, Done(texts.FREEZE_LIFTED, texts.FREEZE_LIFTED_TOLD)),
    CardAct.CLEAR_ANSWERS: (ANSWERS, Done(texts.ANSWERS_CLEARED, texts.ANSWERS_CLEARED_TOLD)),
}


async def show_address(visit: Visit) -> Response:
    """Ask for the address and the reason."""
    return form_of(visit, ADDRESS, await another(visit))


async def set_address(visit: Visit) -> Response:
    """Let the address stand, or say at its field why it cannot."""
    holder, typed = await another(visit), visit.form.get("email", "")[:320]

    async def ask(why: Why) -> Refused | Done:
        answer = await visit.peers.desk.set_address(grant_of(visit), holder.holder_ref, typed, why)
        if isinstance(answer, Refused):
            return answer
        return ADDRESS_WAITS if answer.waits else ADDRESS_SET

    return await act(visit, ADDRESS, holder, ask)


async def show_freeze(visit: Visit) -> Response:
    """Ask why the card is to be frozen."""
    return form_of(visit, FREEZE, await another(visit))


async def freeze(visit: Visit) -> Response:
    """Freeze the card."""
    return await _act_on_card(visit, CardAct.FREEZE)


async def show_lift(visit: Visit) -> Response:
    """Ask why the freeze is to be lifted."""
    return form_of(visit, LIFT, await another(visit))


async def lift(visit: Visit) -> Response:
    """Lift the freeze."""
    return await _act_on_card(visit, CardAct.LIFT)


async def show_clear_answers(visit: Visit) -> Response:
    """Ask why the lock of wrong answers is to be ended. R48."""
    return form_of(visit, ANSWERS, await another(visit))


async def clear_answers(visit: Visit) -> Response:
    """End the lock."""
    return await _act_on_card(visit, CardAct.CLEAR_ANSWERS)


async def _act_on_card(visit: Visit, what: CardAct) -> Response:
    holder, card_ref = await another(visit), card_of(visit)
    asked, done = CARD_ACTS[what]

    async def ask(why: Why) -> Refused | Done:
        desk = visit.peers.desk
        return await desk.act_on_card(grant_of(visit), what, holder.holder_ref, card_ref, why) or done

    return await act(visit, asked, holder, ask)


def card_of(visit: Visit) -> str:
    """Return the card that the address names; empty where it names none. Stops at what is no reference."""
    card_ref = str(visit.request.path_params.get("card_ref", ""))
    if card_ref and not REFERENCE.fullmatch(card_ref):
        raise Stop("CARD_NOT_AS_SHOWN", status=404)
    return card_ref


async def another(visit: Visit) -> HolderRecord:
    """Return the holder, who is not the RA."""
    holder = await holder_of(visit)
    if holder.oneself:
        raise Stop("OWN_PROFILE", status=403)
    return holder


async def act(
    visit: Visit,
    asked: Asked,
    holder: HolderRecord,
    ask: Callable[[Why], Awaitable[Refused | Done]],
    **shown: Any,
) -> Response:
    """Do what the form asks for, or show it again with what is wrong; `shown` is what else it shows."""
    form = visit.form
    why = Why(form.get("reason", "")[:32], form.get("note", "").strip(), visit.attempt_id)
    code = _trouble(asked, why)
    if not code:
        answer = await answered(visit, lambda: ask(why))
        visit.answered()
        if isinstance(answer, Done):
            return visit.page("ra/done.jinja", holder=holder, title=answer.title, told=answer.told)
        code = answer.code
        if code not in AT_EMAIL | AT_REASON | AT_NOTE:
            raise of_desk(answer)
    return form_of(visit, asked, holder, code, **shown)


def _trouble(asked: Asked, why: Why) -> str:
    if why.reason not in {code for code, _ in asked.reasons}:
        return "REASON_MISSING"
    return "NOTE_TOO_LONG" if len(why.note) > LONGEST_NOTE else ""


def form_of(visit: Visit, asked: Asked, holder: HolderRecord, code: str = "", **shown: Any) -> Response:
    """Show the form of an act; `code` says what is wrong with what was typed."""
    field = "email" if code in AT_EMAIL else "reason" if code in AT_REASON else "note"
    told = texts.ACT_REFUSED.get(code) or texts.CONTACT_REFUSED.get(code, code)
    return visit.page(
        asked.template,
        status=400 if code else 200,
        holder=holder,
        card_ref=card_of(visit),
        reasons=asked.reasons,
        code=code,
        field=field,
        error=told if code else "",
        typed=visit.form,
        **shown,
    )
