"""The desk of a Registration Authority: who may be here, and finding a holder. R7, R25."""

import re

from starlette.responses import Response

from services.web import texts
from services.web.pages.profile import answered, own_profile
from services.web.ports import HolderRecord, Profile, Refused
from services.web.search_limit import LONGEST_SEARCH
from services.web.visit import Stop, Visit

REFERENCE = re.compile(r"[0-9a-f]{32}")


async def ra_of(visit: Visit) -> Profile:
    """Return the RA who is signed in; leads to the sign-in, or stops whoever is none."""
    profile = await own_profile(visit)
    if not profile.is_ra:
        raise Stop("RA_ONLY", profile.registration_authority, status=403)
    return profile


async def show_desk(visit: Visit) -> Response:
    """Say what waits for the RA and what they can do here, and offer to find a holder."""
    ra = await ra_of(visit)
    waiting = await answered(visit, lambda: visit.peers.desk.waiting(grant_of(visit)))
    if isinstance(waiting, Refused):
        raise of_desk(waiting)
    return visit.page("ra/desk.jinja", ra=ra, typed="", found=None, error="", waiting=waiting)


async def find_holder(visit: Visit) -> Response:
    """List the holders that fit. By a form that is posted: a name is in no address, and so in no log."""
    ra, typed = await ra_of(visit), visit.form.get("holder", "").strip()
    error = _error(typed)
    if error:
        return visit.page("ra/desk.jinja", status=400, ra=ra, typed=typed[:LONGEST_SEARCH], error=error)
    found = await answered(visit, lambda: visit.peers.desk.find_holders(grant_of(visit), typed))
    if isinstance(found, Refused):
        raise Stop(found.code, found.registration_authority)
    return visit.page("ra/desk.jinja", ra=ra, typed=typed, found=found, error="")


def _error(typed: str) -> str:
    if not typed:
        return texts.HOLDER_MISSING
    return texts.HOLDER_TOO_LONG if len(typed) > LONGEST_SEARCH else ""


def grant_of(visit: Visit) -> str:
    """Return the grant of the RA who is signed in."""
    return visit.journey.profile_grant


async def holder_of(visit: Visit) -> HolderRecord:
    """Return the holder whom the address names, as the RA who is signed in may see them."""
    await ra_of(visit)
    holder_ref = visit.request.path_params["holder_ref"]
    if not REFERENCE.fullmatch(holder_ref):
        raise Stop("HOLDER_NOT_FOUND", status=404)
    holder = await answered(visit, lambda: visit.peers.desk.holder(grant_of(visit), holder_ref))
    if isinstance(holder, Refused):
        raise of_desk(holder)
    return holder


def of_desk(refused: Refused) -> Stop:
    """Return how a page ends that the desk refused."""
    status = 404 if refused.code == "HOLDER_NOT_FOUND" else 200
    return Stop(refused.code, refused.registration_authority, status=status)
