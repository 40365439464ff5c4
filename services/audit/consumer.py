"""Kafka message → record. No rules: those are in `domain/record.py`."""

import functools
from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp
from smartcard_unlock.card_gateway.v1 import card_gateway_events_pb2
from smartcard_unlock.common.v1 import common_pb2
from smartcard_unlock.identity.v1 import identity_events_pb2
from smartcard_unlock.otp.v1 import otp_events_pb2

from services.audit.domain.record import (
    CardFact,
    Message,
    Outcome,
    OutcomeKind,
    Record,
    SetAside,
    SetAsideCause,
    refusal,
)
from services.runtime.cloud_events import Unreadable, received

OUTCOME_TYPE = common_pb2.SessionOutcome.DESCRIPTOR.full_name

CARD_FACTS: dict[str, tuple[Any, str]] = {
    kind.DESCRIPTOR.full_name: (kind, source)
    for kind, source in (
        (identity_events_pb2.CardFrozen, "identity"),
        (identity_events_pb2.FreezeLifted, "identity"),
        (identity_events_pb2.VouchedInPerson, "identity"),
        (identity_events_pb2.ColleagueVouched, "identity"),
        (identity_events_pb2.HolderRegistered, "identity"),
        (identity_events_pb2.AnswersLockCleared, "identity"),
        (otp_events_pb2.LockClearedByRa, "otp"),
    )
}
"""What somebody did with a card and is no outcome, with the one process that can know it."""

COUNTED: dict[str, Any] = {
    kind.DESCRIPTOR.full_name: kind
    for kind in (
        card_gateway_events_pb2.SessionStarted,
        card_gateway_events_pb2.CardRead,
        card_gateway_events_pb2.SessionAuthorised,
        otp_events_pb2.CodeRequested,
        identity_events_pb2.HoldersImported,
    )
}
"""What reports count by when it happened, and is no outcome."""

TOPICS = ("identity.events.v1", "otp.events.v1", "card_gateway.events.v1", "notifier.events.v1")
"""Every `*.events.v1`."""

GROUP = "audit-store"
"""Faust's application id, which is Kafka's consumer group."""

LONGEST_WORD = 64
"""Characters of an id, reference or code; all of ours are shorter."""

_LARGEST_SEQUENCE = 2**63 - 1


def read(message: Message) -> Record | SetAside:
    """Return the message as a record, or as one that is set aside. Never raises."""
    try:
        record = _record(message)
    except (Unreadable, ValueError, OverflowError):
        return SetAside(message, SetAsideCause.UNREADABLE)
    cause = refusal(record)
    return SetAside(message, cause) if cause else record


def _record(message: Message) -> Record:
    origin = message.origin
    event = received(origin.topic, origin.partition, origin.offset, message.headers, message.body)
    if not 0 <= event.relayseq <= _LARGEST_SEQUENCE:
        raise Unreadable("relayseq")
    return Record(
        ce_id=_word(event.ce_id),
        ce_type=_word(event.ce_type, 128),
        source=_word(event.source),
        subject=_word(event.subject),
        occurred_at=event.time.astimezone(UTC),
        relayseq=event.relayseq,
        traceparent=_word(event.traceparent),
        origin=origin,
        body=message.body,
        outcome=outcome_in(event.ce_type, event.value),
        card_fact=card_fact_in(event.ce_type, event.source, event.value),
    )


def outcome_in(ce_type: str, body: bytes) -> Outcome | None:
    """Return what a kept body says; None where it is no outcome. Raises Unreadable."""
    if ce_type != OUTCOME_TYPE:
        return None
    try:
        return _outcome(common_pb2.SessionOutcome.FromString(body))
    except DecodeError:
        raise Unreadable("body") from None


def card_fact_in(ce_type: str, source: str, body: bytes) -> CardFact | None:
    """Return which card a kept body is about that is no outcome; None for others. Raises Unreadable."""
    kind, teller = CARD_FACTS.get(ce_type, (None, ""))
    if kind is None or source != teller:
        return None
    try:
        told = kind.FromString(body)
    except DecodeError:
        raise Unreadable("body") from None
    return CardFact(
        card_ref=_word(told.card_ref),
        holder_ref=_word(told.holder_ref),
        organisation=_word(told.organisation),
        actor_kind=word_of(common_pb2.ActorKind, told.actor.kind),
        actor_ref=_word(told.actor.ref),
    )


def counted_at(ce_type: str, body: bytes) -> datetime | None:
    """Return when it happened, as a kept body says, of what reports count; None for others.

    Raises DecodeError or ValueError.
    """
    kind = COUNTED.get(ce_type)
    told = kind.FromString(body) if kind else None
    return _instant(told.occurred_at) if told is not None and told.HasField("occurred_at") else None


def eligible_in(body: bytes) -> int | None:
    """Return how many holders of an organisation could unlock a card of theirs, as an import told it.

    None where the body is no import: it was stored before anybody read it.
    """
    try:
        return identity_events_pb2.HoldersImported.FromString(body).eligible_holders
    except DecodeError:
        return None


def _outcome(told: common_pb2.SessionOutcome) -> Outcome | None:
    """Return what an outcome says; None for a kind that only newer services know."""
    if told.kind == common_pb2.OUTCOME_KIND_UNSPECIFIED or not told.session_id:
        raise Unreadable("outcome")
    kind = word_of(common_pb2.OutcomeKind, told.kind)
    if kind not in OutcomeKind.__members__:
        return None
    return Outcome(
        session_id=_word(told.session_id),
        kind=OutcomeKind(kind),
        code=_word(told.code),
        reason=word_of(common_pb2.Reason, told.reason),
        route=word_of(common_pb2.Route, told.route),
        card_ref=_word(told.card_ref),
        holder_ref=_word(told.holder_ref),
        organisation=_word(told.organisation),
        actor_kind=word_of(common_pb2.ActorKind, told.actor.kind),
        actor_ref=_word(told.actor.ref),
        occurred_at=_instant(told.occurred_at),
        started_at=_instant(told.started_at) if told.HasField("started_at") else None,
        resolved_success=told.resolved_success,
    )


@functools.cache
def word_of(enum: type, number: int) -> str:
    """Return `SUCCESS` for OUTCOME_KIND_SUCCESS; empty for unspecified; the number for a newer word."""
    descriptor = enum.DESCRIPTOR  # type: ignore[attr-defined]
    value = descriptor.values_by_number.get(number)
    if value is None:
        return str(number)
    prefix = descriptor.values_by_number[0].name.removesuffix("UNSPECIFIED")
    name: str = value.name.removeprefix(prefix)
    return "" if name == "UNSPECIFIED" else name


def _word(text: str, limit: int = LONGEST_WORD) -> str:
    """Return an id, reference or code. Raises Unreadable for what no service of ours would write."""
    if len(text) > limit or not text.isprintable() or not text.isascii():
        raise Unreadable("word")
    return text


def _instant(timestamp: Timestamp) -> datetime:
    return timestamp.ToDatetime(tzinfo=UTC)
