"""What every changing call of a page asks first: was it made before, is it its turn, is a card there."""

from datetime import datetime

from services.card_gateway.domain.readers import ReaderState
from services.card_gateway.domain.session import Session
from services.card_gateway.domain.words import State
from services.card_gateway.ports import Outside, Work
from services.runtime.errors import invalid


async def was_made(work: Work, call: str, attempt_id: str, session: Session) -> bool:
    """True where this very attempt succeeded before. Raises BAD_REQUEST for another session's."""
    if not attempt_id:
        raise invalid()
    made_in = await work.attempted(call, attempt_id)
    if made_in not in (None, session.session_id):
        raise invalid()
    return made_in is not None


def out_of_turn(session: Session, wanted: State, now: datetime) -> str | None:
    """Why the call comes at the wrong time; None where the session is in the state that it wants."""
    if session.is_over(now):
        return "SESSION_ENDED"
    return None if session.state is wanted else "WRONG_STATE"


def reader_of(outside: Outside, session: Session) -> ReaderState:
    """What the session's agent last said of its readers, if it is still there."""
    sighting = outside.attendance.sighting(session.session_id, session.sighting)
    return sighting.at(outside.clock.now())
