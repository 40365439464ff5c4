"""What this service tells: domain fact → message, topic, key."""

from google.protobuf.message import Message
from smartcard_unlock.card_gateway.v1 import card_gateway_events_pb2 as told
from smartcard_unlock.common.v1 import common_pb2 as common

from services.card_gateway.domain import facts
from services.card_gateway.domain.facts import Fact
from services.card_gateway.domain.words import SecretLabel
from services.runtime.outbox import Event
from services.runtime.timestamps import timestamp_of

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
