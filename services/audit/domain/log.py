"""What happens to the log, and what a receipt is. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.audit.domain.checkpoint import Head
from services.audit.domain.leaf import Received
from services.audit.domain.record import Origin


@dataclass(frozen=True)
class Stored:
    """A record as it is kept."""

    record: Received
    origin: Origin
    occurred_at: datetime
    stored_at: datetime


@dataclass(frozen=True)
class Sequenced:
    """A record got its place."""

    index: int
    stored: Stored


@dataclass(frozen=True)
class Signed:
    """The log was signed."""

    head: Head
    signed_at: datetime


Fact = Sequenced | Signed


@dataclass(frozen=True)
class Receipt:
    """Proof that a record is in the log, as text for anybody."""

    index: int
    size: int
    text: str


class NotReady(StrEnum):
    """Why there is no receipt of a record: how far it has come, or that it is too old."""

    NOT_RECORDED = "NOT_RECORDED"
    NOT_SIGNED = "NOT_SIGNED"
    RETIRED = "RETIRED"
    """Its body, of which the leaf is made, was dropped by age. Receipts given before still prove it."""
