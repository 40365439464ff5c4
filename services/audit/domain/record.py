"""Records: what audit keeps of each event, and which events it refuses to keep as a fact.

Pure: how an event arrives, is parsed and is stored is not here.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

EVENTS_SUFFIX = ".events.v1"
"""A topic's owner is what stands before it: `otp.events.v1` belongs to `otp`."""


class OutcomeKind(StrEnum):
    """How a session ended, in the order of rank: the first that a session has is its last word.

    Source: architecture §3, "Outcomes". SUCCESS, FAILED and RESOLVED exclude one another.
    """

    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    RESOLVED = "RESOLVED"
    UNKNOWN = "UNKNOWN"
    LOCKED_TO_RA = "LOCKED_TO_RA"
    REFUSED = "REFUSED"
    ABANDONED = "ABANDONED"

    @property
    def rank(self) -> int:
        """0 outranks all others."""
        return list(OutcomeKind).index(self)


class SetAsideCause(StrEnum):
    """Why a message was put aside and is no record."""

    UNREADABLE = "UNREADABLE"
    """Not an event of ours, or its body is not what its type says."""
    ANONYMOUS = "ANONYMOUS"
    """An outcome that does not say who acted."""
    NOT_THE_OWNER = "NOT_THE_OWNER"
    """Told on another service's topic, or by one that cannot know such an outcome."""
    REPEATED = "REPEATED"
    """Another event has told this kind of outcome of this session already."""


class ActorKind(StrEnum):
    """Who acted."""

    HOLDER = "HOLDER"
    RA = "RA"
    SYSTEM = "SYSTEM"


@dataclass(frozen=True)
class Origin:
    """Where in Kafka a message stands."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True)
class Message:
    """One message exactly as it came."""

    origin: Origin
    headers: tuple[tuple[str, bytes], ...]
    key: bytes | None
    body: bytes


@dataclass(frozen=True)
class Outcome:
    """What an outcome says, by random references only; empty text where not known."""

    session_id: str
    kind: OutcomeKind
    code: str
    reason: str
    route: str
    card_ref: str
    holder_ref: str
    organisation: str
    actor_kind: str
    """A word of ActorKind; the number of one that only newer services know; empty: nobody."""
    actor_ref: str
    occurred_at: datetime
    started_at: datetime | None
    resolved_success: bool


@dataclass(frozen=True)
class CardFact:
    """Which card another fact is about, by random references only, and who acted."""

    card_ref: str
    holder_ref: str
    organisation: str
    actor_kind: str
    actor_ref: str


@dataclass(frozen=True)
class Record:
    """One event as it is kept: its attributes, its exact body, and what the body says."""

    ce_id: str
    ce_type: str
    source: str
    subject: str
    occurred_at: datetime
    relayseq: int
    traceparent: str
    origin: Origin
    body: bytes
    outcome: Outcome | None
    card_fact: CardFact | None = None


@dataclass(frozen=True)
class SetAside:
    """One message that is no record, with all that came."""

    message: Message
    cause: SetAsideCause


def refusal(record: Record) -> SetAsideCause | None:
    """Return why an event may not become a record; None where it may.

    A forged event must not create an unlock record (quality S39), and nobody's act is no act.
    """
    if record.source != _owner(record.origin.topic):
        return SetAsideCause.NOT_THE_OWNER
    if record.outcome is None:
        return None
    if record.source != teller(record.outcome.kind):
        return SetAsideCause.NOT_THE_OWNER
    return None if _somebody_acted(record.outcome) else SetAsideCause.ANONYMOUS


def teller(kind: OutcomeKind) -> str:
    """Return the one process that can know such an outcome. Source: architecture §3."""
    return {OutcomeKind.REFUSED: "identity", OutcomeKind.LOCKED_TO_RA: "otp"}.get(kind, "card_gateway")


def _owner(topic: str) -> str:
    return topic.removesuffix(EVENTS_SUFFIX)


def _somebody_acted(outcome: Outcome) -> bool:
    """Tell whether the outcome names an actor; only a holder may be without a reference."""
    return outcome.actor_kind == ActorKind.HOLDER or (outcome.actor_kind != "" and outcome.actor_ref != "")
