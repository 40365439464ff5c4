"""Pages that need no session: the error codes, and what the service saved."""

from starlette.responses import Response

from services.web.domain.errors import CATALOGUE, GROUPS
from services.web.visit import Stop, Visit

PUBLISHED_BASELINES = (
    ("more than 16,000 hours a month", "if everyone who is eligible used this service"),
    ("around 10,000 hours a month", "what locked smartcards cost the NHS, as told to smartcard users"),
)
"""Source: S2, which names both. R20 to R22, R29."""


async def list_errors(visit: Visit) -> Response:
    """List every error code."""
    return visit.page("help_errors.jinja", groups=GROUPS)


async def show_error(visit: Visit) -> Response:
    """Explain one error code, without JavaScript and without a session. R10 to R13."""
    entry = CATALOGUE.get(visit.request.path_params["code"])
    if entry is None:
        raise Stop("PAGE_NOT_FOUND", status=404)
    return visit.page("help_error.jinja", entry=entry)


async def show_saved_hours(visit: Visit) -> Response:
    """Show the time saved as the audit counts it, beside the published baselines."""
    saved = await visit.peers.audit.saved_time()
    return visit.page("saved_hours.jinja", saved=saved, baselines=PUBLISHED_BASELINES)
