"""The receipt of an unlock: that it stands in the audit log, provable to anybody."""

from starlette.responses import PlainTextResponse, Response

from services.web.pages.steps import session_of
from services.web.ports import Receipt
from services.web.visit import Elsewhere, Visit

RECEIPT = "/receipt"
FILE_NAME = "unlock-receipt.tlog-proof"
"""Source: C2SP tlog-proof, for the ending."""


async def show_receipt(visit: Visit) -> Response:
    """Tell where the unlock stands in the log, or that it is not there yet."""
    return visit.page("receipt.jinja", receipt=await _receipt(visit))


async def download_receipt(visit: Visit) -> Response:
    """Give the receipt as a file; leads to the page that says so where it is not ready."""
    receipt = await _receipt(visit)
    if receipt is None:
        raise Elsewhere(RECEIPT)
    headers = {"Content-Disposition": f'attachment; filename="{FILE_NAME}"'}
    return PlainTextResponse(receipt.text, headers=headers)


async def _receipt(visit: Visit) -> Receipt | None:
    """Return the receipt of the browser's own session: the gateway holds it to the claim."""
    await session_of(visit)
    return await visit.peers.audit.receipt(visit.journey.session_id)
