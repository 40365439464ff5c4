"""What this service tells: domain fact → message, topic, key; and back, for a vault that has to catch up."""

from google.protobuf.message import Message
from smartcard_unlock.card_gateway.v1 import card_gateway_events_pb2 as told
from smartcard_unlock.common.v1 import common_pb2 as common

from services.card_gateway.domain import facts
from services.card_gateway.domain.facts import Actor, Fact
from services.card_gateway.domain.words import ActorKind, OutcomeKind, Reason, Route, SecretLabel
from services.runtime.cloud_events import Received, Unreadable
from services.runtime.outbox import Event
from services.runtime.timestamps import instant_of, timestamp_of

TOPIC = "card_gateway.events.v1"


def event_of(fact: Fact) -> Event:
    """The event that tells a fact; its key is the session."""
    return Event(TOPIC, fact.session_id, _message_of(fact), fact.at)


def _message_of(fact: Fact) -> Message:
    if isinstance(fact, facts.SessionOutcome):
        return _outcome(fact)
    if isinstance(fact, facts.SessionStarted):
        return told.SessionStarted(
            session_id=fact.session_id,
            reason=common.Reason.Value(f"REASON_{fact.reason.value}"),
            route=common.Route.Value(f"ROUTE_{fact.route.value}"),
            occurred_at=timestamp_of(fact.at),
        )
    if isinstance(fact, facts.CardRead):
        return told.CardRead(
            session_id=fact.session_id,
            card_ref=fact.card_ref,
            pin_blocked=fact.pin_blocked,
            occurred_at=timestamp_of(fact.at),
        )
    if isinstance(fact, facts.SessionAuthorised):
        return told.SessionAuthorised(
            session_id=fact.session_id, actor=_actor(fact.actor), occurred_at=timestamp_of(fact.at)
        )
    return told.SecretReleased(
        session_id=fact.session_id,
        card_ref=fact.card_ref,
        puk_version=fact.version,
        next_puk_version=fact.next_version,
        master_kid=fact.kid,
        occurred_at=timestamp_of(fact.at),
    )


def _outcome(fact: facts.SessionOutcome) -> common.SessionOutcome:
    return common.SessionOutcome(
        session_id=fact.session_id,
        kind=common.OutcomeKind.Value(f"OUTCOME_KIND_{fact.kind.value}"),
        code=fact.code,
        reason=common.Reason.Value(f"REASON_{fact.reason.value}"),
        route=common.Route.Value(f"ROUTE_{fact.route.value}"),
        card_ref=fact.card_ref,
        holder_ref=fact.holder_ref,
        organisation=fact.organisation,
        actor=_actor(fact.actor),
        occurred_at=timestamp_of(fact.at),
        started_at=timestamp_of(fact.started_at),
        resolved_success=fact.resolved_success,
        puk_version=fact.version,
        master_kid=fact.kid,
        secret_label=label(fact.label),
        address_version=fact.address_version,
    )


def label(value: SecretLabel) -> common.SecretLabel.ValueType:
    """The contract's word for what became of the secret."""
    name = "UNSPECIFIED" if value is SecretLabel.NONE else value.value
    return common.SecretLabel.Value(f"SECRET_LABEL_{name}")


def _actor(actor: facts.Actor) -> common.Actor:
    return common.Actor(kind=common.ActorKind.Value(f"ACTOR_KIND_{actor.kind.value}"), ref=actor.ref)


def fact_of(event: Received) -> Fact:
    """The fact of an event of ours that was read back. Raises Unreadable for what we never told."""
    reader = _READERS.get(event.ce_type)
    if reader is None:
        raise Unreadable("type")
    try:
        return reader(event)
    except (ValueError, KeyError) as error:
        raise Unreadable("body") from error


def _read_started(event: Received) -> Fact:
    raw = event.parse(told.SessionStarted)
    return facts.SessionStarted(
        raw.session_id, _reason(raw.reason), _route(raw.route), instant_of(raw.occurred_at)
    )


def _read_card(event: Received) -> Fact:
    raw = event.parse(told.CardRead)
    return facts.CardRead(raw.session_id, raw.card_ref, raw.pin_blocked, instant_of(raw.occurred_at))


def _read_authorised(event: Received) -> Fact:
    raw = event.parse(told.SessionAuthorised)
    return facts.SessionAuthorised(raw.session_id, _actor_of(raw.actor), instant_of(raw.occurred_at))


def _read_released(event: Received) -> Fact:
    raw = event.parse(told.SecretReleased)
    return facts.SecretReleased(
        raw.session_id,
        raw.card_ref,
        raw.puk_version,
        raw.next_puk_version,
        raw.master_kid,
        instant_of(raw.occurred_at),
    )


def _read_outcome(event: Received) -> Fact:
    raw = event.parse(common.SessionOutcome)
    label = common.SecretLabel.Name(raw.secret_label).removeprefix("SECRET_LABEL_")
    return facts.SessionOutcome(
        session_id=raw.session_id,
        kind=OutcomeKind(common.OutcomeKind.Name(raw.kind).removeprefix("OUTCOME_KIND_")),
        code=raw.code,
        reason=_reason(raw.reason),
        route=_route(raw.route),
        card_ref=raw.card_ref,
        holder_ref=raw.holder_ref,
        organisation=raw.organisation,
        actor=_actor_of(raw.actor),
        at=instant_of(raw.occurred_at),
        started_at=instant_of(raw.started_at),
        resolved_success=raw.resolved_success,
        version=raw.puk_version,
        kid=raw.master_kid,
        label=SecretLabel.NONE if label == "UNSPECIFIED" else SecretLabel(label),
        address_version=raw.address_version,
    )


_READERS = {
    told.SessionStarted.DESCRIPTOR.full_name: _read_started,
    told.CardRead.DESCRIPTOR.full_name: _read_card,
    told.SessionAuthorised.DESCRIPTOR.full_name: _read_authorised,
    told.SecretReleased.DESCRIPTOR.full_name: _read_released,
    common.SessionOutcome.DESCRIPTOR.full_name: _read_outcome,
}


def _reason(value: common.Reason.ValueType) -> Reason:
    return Reason(common.Reason.Name(value).removeprefix("REASON_"))


def _route(value: common.Route.ValueType) -> Route:
    return Route(common.Route.Name(value).removeprefix("ROUTE_"))


def _actor_of(raw: common.Actor) -> Actor:
    return Actor(ActorKind(common.ActorKind.Name(raw.kind).removeprefix("ACTOR_KIND_")), raw.ref)
