"""An RA unlocks a card in person: the cards are swapped, the RA vouches, the holder chooses a passcode. R36.

The RA is signed out as their word is taken: nobody who types a passcode here holds an RA's sign-in.
"""

from starlette.responses import Response

from services.runtime import errors
from services.web import texts, use_cases
from services.web.domain import entries
from services.web.domain.journey import AFTERLIFE, CARD, PASSCODE, VOUCH, Reason
from services.web.pages.ra_desk import ra_of
from services.web.pages.start import leave_session
from services.web.pages.steps import held, holder_of, session_at
from services.web.ports import Claimed, Person, Refused, SessionView
from services.web.visit import Stop, Visit

SIGN_IN_OVER = "VOUCH_TOO_LATE"
"""The RA's sign-in has ended: nothing was changed, and they begin again with their own card."""


async def show_in_person(visit: Visit) -> Response:
    """Say how the cards are swapped; ask why the holder came, and for the program's code."""
    await ra_of(visit)
    return visit.page("ra/in_person.jinja", errors={})


async def begin_in_person(visit: Visit) -> Response:
    """Claim the session that the program offers for the card which lies in the reader now."""
    await ra_of(visit)
    chosen, code = visit.form.get("reason", ""), entries.pairing_code(visit.form.get("pairing_code", ""))
    wrong = {} if chosen in texts.IN_PERSON_REASONS else {"reason": texts.IN_PERSON_REASON_MISSING}
    if code is None:
        wrong["pairing_code"] = texts.PAIRING_MISSING
    if code is None or wrong:
        return visit.page("ra/in_person.jinja", errors=wrong, chosen=chosen, status=400)
    answer = await _claim(visit, Reason(chosen), code)
    if isinstance(answer, Claimed):
        return _begun(visit, Reason(chosen), answer)
    visit.answered()
    wrong = {"pairing_code": texts.PAIRING_UNKNOWN}
    return visit.page("ra/in_person.jinja", errors=wrong, chosen=chosen, status=400)


async def _claim(visit: Visit, reason: Reason, code: str) -> Claimed | Refused:
    answer = await visit.peers.gateway.start_session(
        address_token="",
        pairing_code=code,
        reason=reason,
        attempt_id=visit.attempt_id,
        client_address=visit.client_address,
        profile_grant=visit.journey.profile_grant,
    )
    if isinstance(answer, Refused) and answer.code == "GRANT_REFUSED":
        visit.step_up(profile_grant="")
        raise Stop(SIGN_IN_OVER)
    if isinstance(answer, Refused) and answer.code != "PAIRING_UNKNOWN":
        raise Stop(answer.code, status=429)
    return answer


def _begun(visit: Visit, reason: Reason, claimed: Claimed) -> Response:
    """Another session than the one of the sign-in, and still the same RA."""
    journey = visit.journey
    leave_session(
        visit, reason=reason, session_id=claimed.session_id, claim=claimed.claim, address_token="",
        ends_at=claimed.deadline + AFTERLIFE,
        profile_grant=journey.profile_grant, signed_in_until=journey.signed_in_until,
    )  # fmt: skip
    return visit.move(CARD)


async def show_vouch(visit: Visit) -> Response:
    """Say whose card lies in the reader; refuses before any word is given."""
    view = await session_at(visit, VOUCH)
    return _vouch_page(visit, view, await person_of(visit, view), {})


async def vouch(visit: Visit) -> Response:
    """Take the RA's word, have the session authorised by it, and sign the RA out."""
    view = await session_at(visit, VOUCH)
    person, basis = await person_of(visit, view), visit.form.get("basis", "")
    wrong: dict[str, str] = {} if basis in texts.VOUCH_BASES else {"basis": texts.BASIS_MISSING}
    if visit.form.get("words_match") != "yes":
        wrong["words"] = texts.WORDS_NOT_CONFIRMED
    if wrong:
        return _vouch_page(visit, view, person, wrong)
    await _authorise(visit, view, basis)
    return visit.move(PASSCODE)


async def _authorise(visit: Visit, view: SessionView, basis: str) -> None:
    grant = visit.journey.profile_grant
    try:
        word = await visit.peers.in_person.vouch(grant, view.card_grant, basis)
    except errors.ServiceError as error:
        raise _told(visit, error) from error
    if isinstance(word, Refused):
        raise Stop(word.code, word.registration_authority)
    holder = await holder_of(visit, view)
    await use_cases.authorise(visit.peers, held(visit), holder, word, visit.attempt_id)
    visit.step_up(profile_grant="")


def _vouch_page(visit: Visit, view: SessionView, person: Person, wrong: dict[str, str]) -> Response:
    chosen, status = visit.form.get("basis", ""), 400 if wrong else 200
    return visit.page("ra/vouch.jinja", view=view, person=person, errors=wrong, chosen=chosen, status=status)


async def person_of(visit: Visit, view: SessionView) -> Person:
    """Whose card it is, as this RA may know."""
    if not visit.journey.profile_grant:
        raise Stop(SIGN_IN_OVER)
    try:
        answer = await visit.peers.in_person.person(visit.journey.profile_grant, view.card_grant)
    except errors.ServiceError as error:
        raise _told(visit, error) from error
    if isinstance(answer, Refused):
        raise Stop(answer.code, answer.registration_authority)
    return answer


def _told(visit: Visit, error: errors.ServiceError) -> Exception:
    """A sign-in that has ended is told in its own words."""
    if error.code != "GRANT_REFUSED":
        return error
    visit.step_up(profile_grant="")
    return Stop(SIGN_IN_OVER)
