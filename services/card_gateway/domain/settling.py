"""What a READ says of a session whose reset nobody saw the end of.

Only a card that was blocked can tell: unblocked now, the reset took effect; blocked as before, it
did not. A card that was not blocked (FORGOTTEN, CHANGE) tells nothing: a new reset ends it, or the holder
who proves one of the two passcodes by a CHANGE.
Source: architecture §3, states.
"""

from dataclasses import replace
from datetime import datetime
from enum import Enum

from services.card_gateway.domain import session as sessions
from services.card_gateway.domain.session import Card, Session
from services.card_gateway.domain.words import OutcomeKind, State


class Finding(Enum):
    """What the card's state now says of the reset then."""

    UNBLOCKED = "UNBLOCKED"
    STILL_BLOCKED = "STILL_BLOCKED"
    NOTHING = "NOTHING"


def finding(card: Card, blocked_now: bool) -> Finding:
    """Compare the first READ of the session with this one."""
    if not card.pin_blocked:
        return Finding.NOTHING
    return Finding.STILL_BLOCKED if blocked_now else Finding.UNBLOCKED


def read_again(session: Session, blocked_now: bool, tries_left: int | None, now: datetime) -> Session:
    """UNKNOWN → RESOLVED where the card was unblocked, else AUTHORISED for another try."""
    found = finding(session.knows_card(), blocked_now)
    session = sessions.counted(session, tries_left, blocked=blocked_now)
    if found is Finding.UNBLOCKED:
        return sessions.end(session, State.RESOLVED, "", now, success=True)
    session = sessions.go_back(session, "OUTCOME_UNKNOWN")
    return replace(session, still_blocked=found is Finding.STILL_BLOCKED)


def read_elsewhere(session: Session, blocked_now: bool, now: datetime) -> Session | None:
    """UNKNOWN → RESOLVED by a later session's READ; None where the card tells nothing."""
    found = finding(session.knows_card(), blocked_now)
    if found is Finding.NOTHING:
        return None
    success = found is Finding.UNBLOCKED
    return sessions.end(session, State.RESOLVED, "" if success else "STILL_BLOCKED", now, success=success)


def expired(session: Session, now: datetime) -> Session | None:
    """What the deadline makes of a session; None where it stays as it is.

    A reset that is under way is not touched: its report, or its absence, comes first.
    """
    if session.state in (State.RESETTING, State.UNKNOWN) or not session.is_over(now):
        return None
    if session.state is State.NEW or session.state in sessions.ENDED:
        return None
    lost_sight = OutcomeKind.UNKNOWN in session.told
    if lost_sight and session.still_blocked:
        return sessions.end(session, State.RESOLVED, "STILL_BLOCKED", now)
    if lost_sight:
        return replace(session, state=State.UNKNOWN, code="OUTCOME_UNKNOWN")
    return sessions.end(session, State.ABANDONED, "SESSION_ENDED", now)
