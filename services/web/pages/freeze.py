"""The page that a mail "was this you?" names: a button that freezes the card, and nothing else. R64.

Opening it changes nothing and asks nobody, because mail scanners open every address they see.
"""

from starlette.responses import Response

from services.web.domain import entries
from services.web.ports import Refused
from services.web.visit import Stop, Visit


async def show_freeze(visit: Visit) -> Response:
    """Say what the button does."""
    return visit.page("freeze.jinja", token=_token(visit))


async def freeze(visit: Visit) -> Response:
    """Freeze the card; pressed again, it stays frozen."""
    answer = await visit.peers.identity.freeze_card(_token(visit))
    if isinstance(answer, Refused):
        raise Stop(answer.code, status=404)
    return visit.page("frozen.jinja", ra=answer)


def _token(visit: Visit) -> str:
    token: str = visit.request.path_params["token"]
    if not entries.FREEZE_TOKEN.fullmatch(token):
        raise Stop("FREEZE_LINK_UNKNOWN", status=404)
    return token
