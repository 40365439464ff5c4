"""A colleague vouches from afar: they sign in with their card, type the code, say how they know the person.

The code they typed is kept in the sealed cookie: it is in no address and in no page.
"""

from starlette.responses import Response

from services.web import texts
from services.web.domain import entries
from services.web.domain.journey import COLLEAGUE, COLLEAGUE_PERSON, SIGN_IN
from services.web.pages.profile import answered, attended
from services.web.ports import Person, Refused
from services.web.visit import Elsewhere, Stop, Visit

CODE_UNKNOWN = "VOUCH_CODE_UNKNOWN"


async def show_code(visit: Visit) -> Response:
    """Ask for the code that the colleague reads out."""
    return await _code_page(visit, "")


async def enter_code(visit: Visit) -> Response:
    """Go on to whom the code belongs; a code that nobody has now may be typed again."""
    await _signed_in(visit)
    code = entries.pairing_code(visit.form.get("vouch_code", ""))
    if code is None:
        return await _code_page(visit, texts.VOUCH_CODE_MISSING)
    answer = await _asker(visit, code)
    if isinstance(answer, Refused) and answer.code != CODE_UNKNOWN:
        raise _stop(answer)
    visit.answered()
    if isinstance(answer, Refused):
        return await _code_page(visit, texts.VOUCH_CODE_UNKNOWN, CODE_UNKNOWN)
    # Whoever was shown before, in another tab, is not whom that tab's form would vouch for now.
    visit.step_up(vouch_code=code)
    return visit.move(COLLEAGUE_PERSON)


async def show_person(visit: Visit) -> Response:
    """Say who asks, and ask how the colleague knows that it is them."""
    return await _person_page(visit, "")


async def vouch(visit: Visit) -> Response:
    """Take the colleague's word."""
    basis = visit.form.get("basis", "")
    if basis not in texts.COLLEAGUE_BASES:
        return await _person_page(visit, texts.COLLEAGUE_BASIS_MISSING)
    await _signed_in(visit)
    grant, code = visit.journey.profile_grant, _typed(visit)
    given = await answered(visit, lambda: visit.peers.colleagues.vouch(grant, code, basis))
    if isinstance(given, Refused):
        raise _stop(given)
    visit.answered(vouch_code="", heading_for="")
    return visit.page("colleagues/given.jinja", given=given)


async def _code_page(visit: Visit, error: str, error_code: str = "") -> Response:
    since = await _signed_in(visit)
    status = 400 if error else 200
    return visit.page(
        "colleagues/vouch.jinja", error=error, error_code=error_code, since=since, status=status
    )


async def _person_page(visit: Visit, error: str) -> Response:
    since = await _signed_in(visit)
    answer = await _asker(visit, _typed(visit))
    if isinstance(answer, Refused):
        visit.answered(vouch_code="")
        raise _stop(answer)
    status = 400 if error else 200
    return visit.page("colleagues/person.jinja", person=answer, error=error, since=since, status=status)


async def _signed_in(visit: Visit) -> int:
    """Return the version of the session of whoever is signed in by a card that is still in the reader.

    Leads to the sign-in where nobody is, and from there back.
    """
    if not visit.journey.profile_grant:
        visit.answered(heading_for=COLLEAGUE)
        raise Elsewhere(SIGN_IN)
    return (await attended(visit)).version


async def _asker(visit: Visit, code: str) -> Person | Refused:
    grant = visit.journey.profile_grant
    return await answered(visit, lambda: visit.peers.colleagues.asker(grant, code))


def _typed(visit: Visit) -> str:
    if not visit.journey.vouch_code:
        raise Elsewhere(COLLEAGUE)
    return visit.journey.vouch_code


def _stop(refused: Refused) -> Stop:
    return Stop(refused.code, refused.registration_authority)
