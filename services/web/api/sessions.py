"""Claiming a session, following it, another reason, and the new passcode."""

from fastapi import APIRouter, Request

from services.web import use_cases
from services.web.api.asked import Claim, NewPasscode, OtherReason, Since, Wait
from services.web.api.caller import OfHouse, OfSession, client_address_of, session_token
from services.web.api.gate import JudgedRoute
from services.web.api.refusals import IN_SESSION, WITH_BODY, refusals
from services.web.api.told import Claimed, Receipt, Session, Step, standing
from services.web.domain import entries
from services.web.domain.journey import OTHER_REASON, belongs, ways
from services.web.ports import Refused
from services.web.use_cases import Passcodes, Stop, sealed_bytes

router = APIRouter(route_class=JudgedRoute, tags=["session"])


@router.post("/sessions", status_code=201, responses=refusals(404, 409, 429, *WITH_BODY))
async def claim_session(request: Request, house: OfHouse, asked: Claim) -> Claimed:
    """Claim the session that an unlock program offers, once.

    The code and the address are good for 2 minutes, and the program shows new ones by itself.
    """
    answer = await house.peers.gateway.start_session(
        address_token=asked.address_token,
        pairing_code=entries.pairing_code(asked.pairing_code) or "",
        reason=asked.reason.in_journey,
        attempt_id=asked.attempt_id,
        client_address=client_address_of(request),
    )
    if isinstance(answer, Refused):
        raise Stop(answer.code, answer.registration_authority, retry_at=answer.retry_at)
    view = await house.peers.gateway.get_session(answer.session_id, answer.claim)
    return Claimed(session_token=session_token(request, answer), session=Session.of(answer.session_id, view))


@router.get("/session", responses=refusals(*IN_SESSION))
async def get_session(caller: OfSession, since: Since = 0, wait: Wait = 0) -> Session:
    """Follow the session.

    With `since` and `wait` this is a long poll: it answers as soon as there is a newer version, and at the
    end of the wait with the one there is. `step` tells what is next; at `DONE` the card has confirmed it.
    """
    return Session.of(caller.session_id, await caller.view(since=since, wait=wait))


@router.get("/session/receipt", responses=refusals(404, *IN_SESSION))
async def get_receipt(caller: OfSession) -> Receipt:
    """Give the receipt of the session's last word: its place in the audit log, provable to anybody.

    The log takes a few seconds to take up an unlock; until then `RECEIPT_NOT_READY`.
    """
    await caller.view()  # the gateway holds the session to the claim
    found = await caller.peers.audit.receipt(caller.session_id)
    if found is None:
        raise Stop("RECEIPT_NOT_READY")
    return Receipt(place=found.place, size=found.size, text=found.text)


@router.post("/session/reasons", responses=refusals(*IN_SESSION, *WITH_BODY))
async def change_reason(caller: OfSession, asked: OtherReason) -> Session:
    """Go on for another reason, in the same session and without taking the card out.

    Open wherever `step` is `OTHER_REASON`, and before a code was right or a passcode was sent.
    """
    view = await caller.view()
    if not belongs(OTHER_REASON, standing(view)):
        raise Stop("WRONG_STATE")
    if asked.reason.in_journey not in ways(view.objection, blocked=view.blocked):
        raise Stop(view.objection or "WRONG_STATE")
    refused = await caller.peers.gateway.change_reason(
        *caller.held, reason=asked.reason.in_journey, attempt_id=asked.attempt_id
    )
    if refused:
        raise Stop(refused.code)
    return Session.of(caller.session_id, await caller.view())


@router.post("/session/passcodes", status_code=202, responses=refusals(*IN_SESSION, *WITH_BODY))
async def set_passcode(caller: OfSession, asked: NewPasscode) -> Session:
    """Pass the sealed passcode on to the unlock program, which asks the holder once more.

    Where `pin_at_agent` is true, none is passed on: the unlock program asks for it in its own window.

    Open where `step` is `PASSCODE`, and with `spend_last_try` where it is `LAST_TRY`. Follow the session:
    success is what the card answers. A passcode that the card or the program refuses leads back to
    `PASSCODE`, without a new code.
    """
    view = await caller.view_at(Step.PASSCODE, Step.LAST_TRY)
    if not asked.words_match:
        raise Stop("WORDS_NOT_CONFIRMED")
    if standing(view, last_try=asked.spend_last_try).last_try_ahead:
        raise Stop("LAST_TRY")
    passcodes = Passcodes(new=sealed_bytes(asked.sealed), current=sealed_bytes(asked.sealed_current))
    if not passcodes.fit(view):
        raise Stop("PASSCODES_UNFIT")
    await use_cases.reset(
        caller.peers, caller.held, view, passcodes, asked.attempt_id, last_try=asked.spend_last_try
    )
    return Session.of(caller.session_id, await caller.view())
