"""What this service tells of its sessions; `events` makes messages of these."""

from dataclasses import dataclass
from datetime import datetime

from services.card_gateway.domain.words import ActorKind, OutcomeKind, Reason, Route, SecretLabel


@dataclass(frozen=True)
class Actor:
    """Who acted, by random reference."""

    kind: ActorKind
    ref: str = ""


SWEEPER = Actor(ActorKind.SYSTEM, "card_gateway")
"""The process itself, at a deadline or after reading the card in another session."""


@dataclass(frozen=True)
class SessionStarted:
    """A page claimed a session."""

    session_id: str
    reason: Reason
    route: Route
    at: datetime


@dataclass(frozen=True)
class CardRead:
    """A card was read; `card_ref` is empty for one that is not ours."""

    session_id: str
    card_ref: str
    pin_blocked: bool
    at: datetime


@dataclass(frozen=True)
class SessionAuthorised:
    """An UnlockGrant was spent."""

    session_id: str
    actor: Actor
    at: datetime


@dataclass(frozen=True)
class SecretReleased:
    """A PUK may leave for one script."""

    session_id: str
    card_ref: str
    version: int
    next_version: int
    kid: str
    at: datetime


@dataclass(frozen=True)
class SessionOutcome:
    """One outcome of one session."""

    session_id: str
    kind: OutcomeKind
    code: str
    reason: Reason
    route: Route
    card_ref: str
    holder_ref: str
    organisation: str
    actor: Actor
    at: datetime
    started_at: datetime
    resolved_success: bool
    version: int
    kid: str
    label: SecretLabel
    address_version: int


Fact = SessionStarted | CardRead | SessionAuthorised | SecretReleased | SessionOutcome
