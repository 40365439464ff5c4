"""The receipt of an unlock, or of a refusal: that it stands in the audit log, provable to anybody."""

from starlette.responses import PlainTextResponse, Response

from services.web.domain.journey import Reason, State
from services.web.pages.steps import session_of
from services.web.ports import Receipt
from services.web.visit import Elsewhere, Visit

RECEIPT = "/receipt"
FILE_NAME = "unlock-receipt.tlog-proof"
"""Source: C2SP tlog-proof, for the ending."""


async def show_receipt(visit: Visit) -> Response:
    """Tell where the end of the session stands in the log, or that it is not there yet."""
    view = await session_of(visit)
    succeeded = view.state is State.SUCCESS or view.resolved_success
    # Who may not sign in is refused after the card has proven its holder.
    unlocked = succeeded and view.reason is not Reason.SIGN_IN
    receipt = await visit.peers.audit.receipt(visit.journey.session_id)
    return visit.page("receipt.jinja", receipt=receipt, unlocked=unlocked)


async def download_receipt(visit: Visit) -> Response:
    """Give the receipt as a file; leads to the page that says so where it is not ready."""
    await session_of(visit)  # the gateway holds it to the claim
    receipt = await visit.peers.audit.receipt(visit.journey.session_id)
    if receipt is None:
        raise Elsewhere(RECEIPT)
    return as_file(receipt)


def as_file(receipt: Receipt) -> Response:
    """Return the receipt as a file to be kept."""
    headers = {"Content-Disposition": f'attachment; filename="{FILE_NAME}"'}
    return PlainTextResponse(receipt.text, headers=headers)
