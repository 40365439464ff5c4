"""Which words of colleagues count for a holder now: each is judged anew, whenever it is used."""

from datetime import datetime

from services.identity.domain.colleagues import (
    CARD_WINDOW,
    TIMES_PER_CARD,
    Request,
    Word,
    let_through,
    that_count,
)
from services.identity.domain.holder import HeldCard
from services.identity.ports import View


async def words_for(view: View, request: Request, held: HeldCard, now: datetime) -> list[Word]:
    """Return the words that count in a session; none where it was of another card or holder."""
    if (request.card_ref, request.holder_ref) != (held.card_ref, held.holder_ref):
        return []
    given = await view.words_of(request.session_id)
    cards = {word.colleague_card_ref: await view.held_card(word.colleague_card_ref) for word in given}
    return that_count(given, cards, held, now)


async def let_through_by_colleagues(view: View, session_id: str, held: HeldCard, now: datetime) -> bool:
    """Tell whether enough colleagues have vouched for a holder in a session."""
    request = await view.colleague_request(session_id)
    return request is not None and let_through(request, await words_for(view, request, held, now))


async def is_too_often(view: View, card_ref: str, session_id: str, now: datetime) -> bool:
    """Tell whether colleagues let a card through as often as they may, besides in this session."""
    return await view.times_let_through(card_ref, session_id, now - CARD_WINDOW) >= TIMES_PER_CARD
