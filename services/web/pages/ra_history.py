"""What is recorded of a holder's card, for an RA of the organisation, in words. R25, D1."""

from starlette.responses import Response

from services.web.pages.profile import answered
from services.web.pages.ra_desk import REFERENCE, holder_of, of_desk
from services.web.ports import Refused
from services.web.visit import Stop, Visit

LONGEST_TOKEN = 96
"""Characters. Source: the contract of audit."""


async def show_history(visit: Visit) -> Response:
    """Show a page of records, the newest first. identity says whose they are, and audit holds to it."""
    holder, card_ref = await holder_of(visit), visit.request.path_params["card_ref"]
    if not REFERENCE.fullmatch(card_ref):
        raise Stop("HOLDER_NOT_FOUND", status=404)
    desk, grant = visit.peers.desk, visit.journey.profile_grant
    allowed = await answered(visit, lambda: desk.allow_records(grant, holder.holder_ref, card_ref))
    if isinstance(allowed, Refused):
        raise of_desk(allowed)
    older = visit.request.query_params.get("older", "")[:LONGEST_TOKEN]
    page = await answered(visit, lambda: visit.peers.audit.card_records(allowed, older))
    return visit.page("ra/history.jinja", holder=holder, card_ref=card_ref, page=page, older=older)
