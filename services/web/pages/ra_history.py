"""What is recorded of a holder's card, for an RA of the organisation, in words. R25, D1."""

from starlette.responses import Response

from services.web.pages.profile import answered
from services.web.pages.ra_desk import REFERENCE, holder_of, of_desk
from services.web.pages.receipt import as_file
from services.web.ports import HolderRecord, Refused
from services.web.visit import Stop, Visit

LONGEST_TOKEN = 96
"""Characters. Source: the contract of audit."""


async def show_history(visit: Visit) -> Response:
    """Show a page of records, the newest first. identity says whose they are, and audit holds to it."""
    holder, allowed = await _allowed(visit)
    older = visit.request.query_params.get("older", "")[:LONGEST_TOKEN]
    page = await answered(visit, lambda: visit.peers.audit.card_records(allowed, older))
    card_ref = visit.request.path_params["card_ref"]
    return visit.page("ra/history.jinja", holder=holder, card_ref=card_ref, page=page, older=older)


async def download_receipt(visit: Visit) -> Response:
    """Give the receipt of one record as a file, which anybody can verify without us."""
    _, allowed = await _allowed(visit)
    event_id = visit.request.path_params["event_id"][:LONGEST_TOKEN]
    receipt = await answered(visit, lambda: visit.peers.audit.card_receipt(allowed, event_id))
    if receipt is None:
        raise Stop("PAGE_NOT_FOUND", status=404)
    return as_file(receipt)


async def _allowed(visit: Visit) -> tuple[HolderRecord, str]:
    """Return the holder, and the right to read the records of the card that the address names."""
    holder, card_ref = await holder_of(visit), visit.request.path_params["card_ref"]
    if not REFERENCE.fullmatch(card_ref):
        raise Stop("HOLDER_NOT_FOUND", status=404)
    desk, grant = visit.peers.desk, visit.journey.profile_grant
    allowed = await answered(visit, lambda: desk.allow_records(grant, holder.holder_ref, card_ref))
    if isinstance(allowed, Refused):
        raise of_desk(allowed)
    return holder, allowed
