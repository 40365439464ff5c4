"""Pages that need no session: the error codes."""

from starlette.responses import Response

from services.web.domain.errors import CATALOGUE, GROUPS
from services.web.visit import Stop, Visit


async def list_errors(visit: Visit) -> Response:
    """List every error code."""
    return visit.page("help_errors.jinja", groups=GROUPS)


async def show_error(visit: Visit) -> Response:
    """Explain one error code, without JavaScript and without a session. R10 to R13."""
    entry = CATALOGUE.get(visit.request.path_params["code"])
    if entry is None:
        raise Stop("PAGE_NOT_FOUND", status=404)
    return visit.page("help_error.jinja", entry=entry)
