"""The rotation journal: which PUK may stand in a card, at every instant.

One open row a card. PREPARED before anything may leave, SENT before it leaves, then CONFIRMED (the
next PUK stands), CANCELLED (the current one does) or UNKNOWN (one of the two) until a recovery
settles it. Source: architecture §5, quality I3.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from services.card_gateway.card.verdict import PukState
from services.card_gateway.domain.budget import Secret


class RowState(Enum):
    """Where a rotation stands."""

    PREPARED = "PREPARED"
    SENT = "SENT"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"


OPEN = (RowState.PREPARED, RowState.SENT, RowState.UNKNOWN)


@dataclass(frozen=True)
class Rotation:
    """One rotation of one card's PUK, from `version` to `next_version`."""

    rotation_id: str
    card_ref: str
    session_id: str
    version: int
    kid: str
    next_version: int
    next_kid: str
    state: RowState
    changed_at: datetime
    lost: PukState | None = None
    """The candidate that a recovery sent and heard nothing of."""

    @property
    def is_open(self) -> bool:
        """True while it is not settled which PUK stands."""
        return self.state in OPEN

    def moved(self, state: RowState, now: datetime) -> "Rotation":
        """The row in another state."""
        return replace(self, state=state, changed_at=now)


def prepare(secret: Secret, rotation_id: str, session_id: str, newest_kid: str, now: datetime) -> Rotation:
    """Plan the next rotation. Its version never left before, under any key."""
    return Rotation(
        rotation_id, secret.card_ref, session_id, secret.version, secret.kid,
        secret.highest + 1, newest_kid, RowState.PREPARED, now,
    )  # fmt: skip


def settle(row: Rotation, secret: Secret, puk: PukState, now: datetime) -> tuple[Rotation, Secret]:
    """Write down which PUK stands; UNKNOWN leaves the row open for a recovery."""
    if puk is PukState.NEXT:
        secret = replace(secret, version=row.next_version, kid=row.next_kid)
        return row.moved(RowState.CONFIRMED, now), secret
    if puk is PukState.CURRENT:
        return row.moved(RowState.CANCELLED, now), secret
    if puk is PukState.NEITHER:
        return row.moved(RowState.UNKNOWN, now), replace(secret, stopped="SECRET_MISMATCH")
    return row.moved(RowState.UNKNOWN, now), secret
