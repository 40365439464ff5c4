"""CloudEvents 1.0 in Kafka's binary mode: our headers, written and read by the SDK."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.base import Format
from cloudevents.core.v1.event import CloudEvent
from google.protobuf.message import DecodeError, Message

CONTENT_TYPE = "application/protobuf"

M = TypeVar("M", bound=Message)


class Unreadable(Exception):
    """The message can never be read: not ours, not of its type, or without its headers."""


class _AsItIs(Format):
    """Data that is bytes already."""

    def read_data(self, data: str | bytes, datacontenttype: str | None) -> bytes:
        return data if isinstance(data, bytes) else data.encode()

    def write_data(self, data: Any, datacontenttype: str | None) -> bytes:
        return bytes(data)

    def get_content_type(self) -> str:
        return CONTENT_TYPE

    def read(self, *_: Any) -> Any:
        raise NotImplementedError("binary mode only")

    def write(self, *_: Any) -> Any:
        raise NotImplementedError("binary mode only")


def headers_of(row: Mapping[Any, Any]) -> list[tuple[str, bytes]]:
    """Return the Kafka headers of an outbox row."""
    attributes: dict[str, Any] = {
        "id": row["ce_id"],
        "type": row["ce_type"],
        "source": row["source"],
        "subject": row["key"],
        "time": row["time"],
        "specversion": "1.0",
        "datacontenttype": CONTENT_TYPE,
        "relayseq": str(row["relayseq"]),
    }
    if row["traceparent"]:
        attributes["traceparent"] = row["traceparent"]
    return list(to_binary(CloudEvent(attributes, b""), _AsItIs()).headers.items())


@dataclass(frozen=True)
class Received:
    """One message as it came, with its CloudEvents attributes."""

    ce_id: str
    ce_type: str
    source: str
    subject: str
    time: datetime
    relayseq: int
    traceparent: str
    topic: str
    partition: int
    offset: int
    value: bytes

    def parse(self, kind: type[M]) -> M:
        """Return the message. Raises Unreadable where it is not of that type."""
        if self.ce_type != kind.DESCRIPTOR.full_name:
            raise Unreadable("type")
        try:
            return kind.FromString(self.value)
        except DecodeError as error:
            raise Unreadable("body") from error


def received(
    topic: str, partition: int, offset: int, headers: Iterable[tuple[str, bytes]], value: bytes | None
) -> Received:
    """Return a Kafka record as an event. Raises Unreadable."""
    try:
        message = KafkaMessage({name: bytes(raw) for name, raw in headers}, None, value or b"")
        # The SDK makes up an id where there is none: a repeat would then look like news.
        if "ce_id" not in message.headers or "ce_time" not in message.headers:
            raise Unreadable("headers")
        event = from_binary(message, _AsItIs())
        attributes = event.get_attributes()
        return Received(
            ce_id=_short(attributes["id"], 36),
            ce_type=_short(attributes["type"], 128),
            source=_short(attributes["source"], 64),
            subject=_short(attributes.get("subject", ""), 64),
            time=attributes["time"],
            relayseq=int(attributes.get("relayseq", "0")),
            traceparent=_short(attributes.get("traceparent", ""), 55),
            topic=topic,
            partition=partition,
            offset=offset,
            value=value or b"",
        )
    except (CloudEventValidationError, UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
        raise Unreadable("headers") from error


def _short(value: str, limit: int) -> str:
    if len(value) > limit:
        raise ValueError("too long")
    return value
