"""CloudEvents 1.0 in Kafka's binary mode: our headers, written and read.

Written out here, since each event comes by three times and the SDK takes several times as long. It judges in
the tests that what is written here is CloudEvents, and that what is read here is what it reads.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message

CONTENT_TYPE = "application/protobuf"

PREFIX = "ce_"
"""Begins the header of an attribute. Source: CloudEvents Kafka binding 1.0.2, 3.2.3."""

_NAME = re.compile(r"[a-z0-9]+\Z")
"""Source: CloudEvents 1.0.2, "Naming Conventions"."""

_NEVER_EMPTY = ("id", "source", "type", "subject", "dataschema", "content-type")

_COLUMN_OF = {"ce_id": "ce_id", "ce_type": "ce_type", "ce_source": "source", "ce_subject": "key"}
"""The header of each column of the outbox that goes as it is."""

M = TypeVar("M", bound=Message)


class Unreadable(Exception):
    """The message can never be read: not ours, not of its type, or without its headers."""


def headers_of(row: Mapping[Any, Any]) -> list[tuple[str, bytes]]:
    """Return the Kafka headers of an outbox row."""
    headers = [(header, row[column].encode()) for header, column in _COLUMN_OF.items()]
    headers += [
        ("ce_time", row["time"].isoformat().replace("+00:00", "Z").encode()),
        ("ce_specversion", b"1.0"),
        ("content-type", CONTENT_TYPE.encode()),
        ("ce_relayseq", str(row["relayseq"]).encode()),
    ]
    if row["traceparent"]:
        headers.append(("ce_traceparent", row["traceparent"].encode()))
    return headers


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
        attributes = _attributes(headers)
        return Received(
            ce_id=_short(attributes["id"], 36),
            ce_type=_short(attributes["type"], 128),
            source=_short(attributes["source"], 64),
            subject=_short(attributes.get("subject", ""), 64),
            time=_instant(attributes["time"]),
            relayseq=int(attributes.get("relayseq", "0")),
            traceparent=_short(attributes.get("traceparent", ""), 55),
            topic=topic,
            partition=partition,
            offset=offset,
            value=value or b"",
        )
    except (ValueError, KeyError) as error:
        raise Unreadable("headers") from error


def _attributes(headers: Iterable[tuple[str, bytes]]) -> dict[str, str]:
    """Return attributes by name, and `content-type`. Raises ValueError where CloudEvents 1.0 forbids one."""
    found: dict[str, str] = {}
    for header, raw in headers:
        name, value = header.lower(), bytes(raw).decode()
        if name.startswith(PREFIX):
            found[_named(name.removeprefix(PREFIX))] = value
        elif name == "content-type":
            found[name] = value
    if found.get("specversion", "1.0") != "1.0" or not all(found.get(name, "-") for name in _NEVER_EMPTY):
        raise ValueError("attributes")
    return found


def _named(name: str) -> str:
    """Return the name of an attribute; newer ones than ours are none of our business."""
    if not _NAME.match(name) or name == "data":
        raise ValueError("name of an attribute")
    return name


def _instant(text: str) -> datetime:
    """Return an instant (RFC 3339)."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("no time zone")
    return instant


def _short(value: str, limit: int) -> str:
    if len(value) > limit:
        raise ValueError("too long")
    return value
