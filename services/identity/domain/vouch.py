"""An RA who sees the holder of a card vouches for them: for whom they may, and what is kept of it. R36.

Pure: roles, rows and the time come in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from services.identity.domain.eligibility import Refusal
from services.identity.domain.holder import HeldCard


class Basis(Enum):
    """How the RA knows that the person there is the holder."""

    KNOWN = "KNOWN"
    """They know the person."""
    PHOTO_ID = "PHOTO_ID"
    """They compared the person with a document that has a photograph."""


@dataclass(frozen=True)
class Vouch:
    """What an RA said in one session; by random references only."""

    session_id: str
    grant_id: str
    """The one `jti` of every UnlockGrant that this vouch gives: asked for often, it is spent once."""
    card_ref: str
    holder_ref: str
    ra_ref: str
    basis: Basis
    vouched_at: datetime


def may_not_vouch(ra_ref: str, organisations: Sequence[str], held: HeldCard) -> Refusal | None:
    """Return why this RA may not vouch for the holder: never for oneself, only for their own. Or None."""
    if held.holder_ref == ra_ref:
        return Refusal.OWN_CARD
    if held.organisation not in organisations:
        return Refusal.OTHER_ORGANISATION
    return None
