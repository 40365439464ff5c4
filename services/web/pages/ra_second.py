"""A second RA looks at the address that a colleague proposed, and confirms or declines it. R7, R25."""

from starlette.responses import Response

from services.web import texts
from services.web.pages.profile import answered
from services.web.pages.ra_acts import ADDRESS_SET, Asked, Done, act, another, form_of
from services.web.pages.ra_desk import grant_of, of_desk
from services.web.ports import AddressProposal, HolderRecord, Refused, Why
from services.web.visit import Stop, Visit

DECLINE = Asked("ra/decline.jinja", texts.DECLINE_REASONS)
PROPOSAL_GONE = "PROPOSAL_GONE"


async def show_proposal(visit: Visit) -> Response:
    """Show the address that waits, and who proposed it."""
    holder = await another(visit)
    return visit.page("ra/proposal.jinja", holder=holder, proposal=_waiting(holder))


async def confirm(visit: Visit) -> Response:
    """Let the address stand that the page showed."""
    holder, desk = await another(visit), visit.peers.desk
    shown = visit.form.get("proposal", "")[:36]
    refused = await answered(
        visit, lambda: desk.confirm_address(grant_of(visit), holder.holder_ref, shown, visit.attempt_id)
    )
    visit.answered()
    if refused:
        raise of_desk(refused)
    return visit.page("ra/done.jinja", holder=holder, title=ADDRESS_SET.title, told=ADDRESS_SET.told)


async def show_decline(visit: Visit) -> Response:
    """Ask why the address is declined."""
    holder = await another(visit)
    return form_of(visit, DECLINE, holder, proposal=_waiting(holder))


async def decline(visit: Visit) -> Response:
    """Decline the address."""
    holder, shown = await another(visit), visit.form.get("proposal", "")[:36]

    async def ask(why: Why) -> Refused | Done:
        desk = visit.peers.desk
        refused = await desk.decline_address(grant_of(visit), holder.holder_ref, shown, why)
        return refused or Done(texts.ADDRESS_DECLINED, texts.ADDRESS_DECLINED_TOLD)

    return await act(visit, DECLINE, holder, ask, proposal=holder.proposal)


def _waiting(holder: HolderRecord) -> AddressProposal:
    if holder.proposal is None:
        raise Stop(PROPOSAL_GONE)
    return holder.proposal
