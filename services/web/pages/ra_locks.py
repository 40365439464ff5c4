"""An RA ends a lock that wrong security codes led to, with a reason. R48."""

from starlette.responses import Response

from services.web import texts
from services.web.pages.profile import answered
from services.web.pages.ra_acts import Asked, Done, act, another, card_of, form_of
from services.web.pages.ra_desk import grant_of
from services.web.pages.ra_holder import locks_of
from services.web.ports import Locks, Refused, Why
from services.web.visit import Stop, Visit

END_LOCK = Asked("ra/end_lock.jinja", texts.CLEAR_REASONS)
LOCK_UNKNOWN = "LOCK_UNKNOWN"


async def show_end_lock(visit: Visit) -> Response:
    """Say why the card is locked, and ask why the lock is to be ended."""
    holder = await another(visit)
    locks = await answered(visit, lambda: visit.peers.otp.locks(grant_of(visit), holder.holder_ref))
    lock = locks.of(card_of(visit))
    if lock is None:
        raise Stop(LOCK_UNKNOWN)
    return form_of(visit, END_LOCK, holder, lock=lock)


async def end_lock(visit: Visit) -> Response:
    """End the lock."""
    holder, card_ref = await another(visit), card_of(visit)

    async def ask(why: Why) -> Refused | Done:
        answer = await visit.peers.otp.end_lock(grant_of(visit), holder.holder_ref, card_ref, why)
        if isinstance(answer, Refused):
            return answer
        return Done(texts.LOCK_ENDED, texts.lock_ended(answer.entries_left, answer.wrong_in_year))

    locks = await locks_of(visit, holder) or Locks()
    return await act(visit, END_LOCK, holder, ask, lock=locks.of(card_ref))
