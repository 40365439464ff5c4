"""Outcomes and messages to test with."""

from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import Message as ProtoMessage
from smartcard_unlock.common.v1 import common_pb2

from services.audit.domain.record import Message, Origin
from services.runtime.cloud_events import headers_of

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
SESSION = "01970000-0000-7000-8000-000000000001"
EVENT = "01970000-0000-7000-8000-0000000000e1"
TOPIC = "card_gateway.events.v1"


def outcome(**changed: Any) -> common_pb2.SessionOutcome:
    """A SUCCESS, with what is changed of it."""
    fields: dict[str, Any] = {
        "session_id": SESSION,
        "kind": common_pb2.OUTCOME_KIND_SUCCESS,
        "reason": common_pb2.REASON_LOCKED,
        "route": common_pb2.ROUTE_SELF,
        "card_ref": "c" * 32,
        "holder_ref": "a" * 32,
        "organisation": "X26",
        "actor": common_pb2.Actor(kind=common_pb2.ACTOR_KIND_HOLDER, ref="a" * 32),
        "occurred_at": NOON,
    }
    return common_pb2.SessionOutcome(**fields | changed)


def message(
    body: ProtoMessage | bytes,
    *,
    source: str = "card_gateway",
    topic: str = TOPIC,
    ce_id: str = EVENT,
    offset: int = 0,
    **attributes: Any,
) -> Message:
    """The body as one of our services would put it on Kafka."""
    raw = body if isinstance(body, bytes) else body.SerializeToString()
    told_as = common_pb2.SessionOutcome if isinstance(body, bytes) else type(body)
    row = {
        "ce_id": ce_id,
        "ce_type": told_as.DESCRIPTOR.full_name,
        "source": source,
        "key": SESSION,
        "time": NOON,
        "relayseq": 1,
        "traceparent": "",
    }
    headers = tuple((name, bytes(value)) for name, value in headers_of(row | attributes))
    return Message(Origin(topic, 0, offset), headers, SESSION.encode(), raw)
