"""The card page: the matching words, and the reader until a card was read."""

from starlette.responses import Response

from services.web.domain.journey import CARD
from services.web.pages.steps import session_at
from services.web.visit import Visit


async def show_card(visit: Visit) -> Response:
    """Show the words and what the agent says of the reader."""
    return visit.page("card.jinja", view=await session_at(visit, CARD))
