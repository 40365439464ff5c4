"""What an RA does for a holder: an address, a freeze, its end; each with a reason. R7, R25, R64."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import Response

from services.web import texts
from services.web.pages.profile import answered
from services.web.pages.ra_desk import holder_of, of_desk
from services.web.ports import CardAct, HolderRecord, Refused, Why
from services.web.visit import Stop, Visit

LONGEST_NOTE = 300
"""Characters. Source: the contract of the desk."""
AT_REASON = frozenset({"REASON_MISSING"})
AT_NOTE = frozenset({"NOTE_MISSING", "NOTE_TOO_LONG"})
AT_EMAIL = frozenset({"EMAIL_MISSING", "EMAIL_MALFORMED", "EMAIL_DOMAIN_NOT_ALLOWED"})


@dataclass(frozen=True)
class Asked:
    """What the form of an act asks, and how its success is told."""

    template: str
    reasons: tuple[tuple[str, str], ...]
    title: str
    told: str


ADDRESS = Asked("ra/address.jinja", texts.ADDRESS_REASONS, texts.ADDRESS_SET, texts.ADDRESS_SET_TOLD)
FREEZE = Asked("ra/freeze.jinja", texts.FREEZE_REASONS, texts.CARD_FROZEN, texts.CARD_FROZEN_TOLD)
LIFT = Asked("ra/lift.jinja", texts.LIFT_REASONS, texts.FREEZE_LIFTED, texts.FREEZE_LIFTED_TOLD)


async def show_address(visit: Visit) -> Response:
    """Ask for the address and the reason."""
    return _form(visit, ADDRESS, await _another(visit))


async def set_address(visit: Visit) -> Response:
    """Let the address stand, or say at its field why it cannot."""
    holder, typed = await _another(visit), visit.form.get("email", "")[:320]
    return await _act(
        visit,
        ADDRESS,
        holder,
        lambda why: visit.peers.desk.set_address(_grant(visit), holder.holder_ref, typed, why),
    )


async def show_freeze(visit: Visit) -> Response:
    """Ask why the card is to be frozen."""
    return _form(visit, FREEZE, await _another(visit))


async def freeze(visit: Visit) -> Response:
    """Freeze the card."""
    return await _card_act(visit, FREEZE, CardAct.FREEZE)


async def show_lift(visit: Visit) -> Response:
    """Ask why the freeze is to be lifted."""
    return _form(visit, LIFT, await _another(visit))


async def lift(visit: Visit) -> Response:
    """Lift the freeze."""
    return await _card_act(visit, LIFT, CardAct.LIFT)


async def _card_act(visit: Visit, asked: Asked, act: CardAct) -> Response:
    holder, card_ref = await _another(visit), visit.request.path_params["card_ref"]
    desk = visit.peers.desk
    return await _act(
        visit,
        asked,
        holder,
        lambda why: desk.act_on_card(_grant(visit), act, holder.holder_ref, card_ref, why),
    )


def _grant(visit: Visit) -> str:
    return visit.journey.profile_grant


async def _another(visit: Visit) -> HolderRecord:
    """Return the holder, who is not the RA."""
    holder = await holder_of(visit)
    if holder.oneself:
        raise Stop("OWN_PROFILE", status=403)
    return holder


async def _act(
    visit: Visit, asked: Asked, holder: HolderRecord, ask: Callable[[Why], Awaitable[Refused | None]]
) -> Response:
    form = visit.form
    why = Why(form.get("reason", "")[:32], form.get("note", "").strip(), visit.attempt_id)
    code = _trouble(asked, why)
    if not code:
        refused = await answered(visit, lambda: ask(why))
        visit.answered()
        code = refused.code if refused else ""
        if refused and code not in AT_EMAIL | AT_REASON | AT_NOTE:
            raise of_desk(refused)
    if code:
        return _form(visit, asked, holder, code)
    return visit.page("ra/done.jinja", holder=holder, title=asked.title, told=asked.told)


def _trouble(asked: Asked, why: Why) -> str:
    if why.reason not in {code for code, _ in asked.reasons}:
        return "REASON_MISSING"
    return "NOTE_TOO_LONG" if len(why.note) > LONGEST_NOTE else ""


def _form(visit: Visit, asked: Asked, holder: HolderRecord, code: str = "") -> Response:
    field = "email" if code in AT_EMAIL else "reason" if code in AT_REASON else "note"
    told = texts.ACT_REFUSED.get(code) or texts.CONTACT_REFUSED.get(code, code)
    return visit.page(
        asked.template,
        status=400 if code else 200,
        holder=holder,
        card_ref=visit.request.path_params.get("card_ref", ""),
        reasons=asked.reasons,
        code=code,
        field=field,
        error=told if code else "",
        typed=visit.form,
    )
