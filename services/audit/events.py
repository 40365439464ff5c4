"""Facts of the log → messages, topics, keys."""

from smartcard_unlock.audit.v1 import audit_events_pb2

from services.audit.domain.leaf import Received
from services.audit.domain.log import Fact, Sequenced, Signed
from services.runtime.outbox import Event
from services.runtime.timestamps import timestamp_of

SOURCE = "audit_sequencer"
RECORDS_TOPIC = "audit.records.v1"
HEADS_TOPIC = "audit.heads.v1"


def event_of(fact: Fact) -> Event:
    """Return the event that tells a fact of the log."""
    return _sequenced(fact) if isinstance(fact, Sequenced) else _signed(fact)


def _sequenced(fact: Sequenced) -> Event:
    stored, record = fact.stored, fact.stored.record
    message = audit_events_pb2.RecordSequenced(
        leaf_index=fact.index,
        ce_id=record.ce_id,
        ce_type=record.ce_type,
        source=record.source,
        subject=record.subject,
        relayseq=record.relayseq,
        traceparent=record.traceparent,
        body=record.body,
        topic=stored.origin.topic,
        partition=stored.origin.partition,
        offset=stored.origin.offset,
        stored_at=timestamp_of(stored.stored_at),
        occurred_at=timestamp_of(stored.occurred_at),
    )
    return Event(RECORDS_TOPIC, record.subject, message, stored.stored_at)


def _signed(fact: Signed) -> Event:
    head = fact.head
    message = audit_events_pb2.HeadSigned(
        tree_size=head.size, root=head.root, note=head.note, signed_at=timestamp_of(fact.signed_at)
    )
    # One key: heads keep their order.
    return Event(HEADS_TOPIC, "head", message, fact.signed_at)


def sequenced_in(message: audit_events_pb2.RecordSequenced) -> Received:
    """Return the record that an event of `RECORDS_TOPIC` carries."""
    return Received(
        ce_id=message.ce_id,
        ce_type=message.ce_type,
        source=message.source,
        subject=message.subject,
        relayseq=message.relayseq,
        traceparent=message.traceparent,
        body=message.body,
    )
