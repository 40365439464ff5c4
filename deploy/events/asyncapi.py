"""The AsyncAPI 3.1 document: every topic, every event on it, who tells and who takes it, with samples.

Out of the contracts (`contract.py`), the declared topics, the rights of the cluster and the kept samples;
nothing is said here that stands elsewhere.
"""

import json
from typing import Any

from deploy.events.contract import Told, events
from deploy.events.proto_text import proto_text
from deploy.events.rights import Right, rights
from deploy.events.samples import samples_of
from deploy.topics import Topic, declared
from services.runtime.cloud_events import CONTENT_TYPE
from services.runtime.version import VERSION

PROTOBUF = "application/vnd.google.protobuf;version=3"
KAFKA_BINDING = "0.5.0"

DEAD = ".dlq"
DEAD_LETTER = "dead-letter"

ABOUT = (
    "What the services tell of unlock sessions, on Kafka. CloudEvents 1.0 in binary mode: attributes in "
    "`ce_` headers, the protobuf message as value. Order is kept by key. The same `ce_id` may come twice: "
    "take it once. No personal data: random references only. Tables and examples for readers: events.md."
)

HEADERS = {
    "ce_id": "Id of the event, UUIDv7. A repeat carries the same.",
    "ce_type": "Full name of the protobuf message in the value.",
    "ce_source": "The process that tells it.",
    "ce_subject": "What the event is about; the same as the key.",
    "ce_time": "When it happened, by the teller's clock; RFC 3339, UTC.",
    "ce_specversion": "Version of CloudEvents.",
    "content-type": "Media type of the value.",
    "ce_relayseq": "Number of the event among those of its source and topic, from 1, without a gap: one that "
    "is missing is a loss. Decimal.",
}
TRACE = "W3C trace context; left out where there is none."
DEAD_HEADERS = {
    "dlq_cause": "Why it can never be read: `headers`, `type`, `body` or the name of a field.",
    "dlq_offset": "Its offset in the topic that it was taken from. Decimal.",
}


def as_json() -> str:
    """Return the whole document as docs/asyncapi.json holds it."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def document() -> dict[str, Any]:
    """Return the document."""
    told = events()
    return {
        "asyncapi": "3.1.0",
        "info": {"title": "Self-service smartcard unlock: events", "version": VERSION, "description": ABOUT},
        "defaultContentType": CONTENT_TYPE,
        "servers": {"kafka": _server()},
        "channels": {topic.name: _channel(topic, told) for topic in declared()},
        "operations": {_operation_name(right): _operation(right) for right in rights()},
        "components": {
            "messages": {event.type.full_name: _message(event) for event in told}
            | {DEAD_LETTER: _dead_letter()},
            "schemas": {"headers": _headers(HEADERS, optional={"ce_traceparent": TRACE})},
        },
    }


def _server() -> dict[str, Any]:
    return {
        "host": "{bootstrap_servers}",
        "protocol": "kafka-secure",
        "description": "TLS with a client certificate: each process is a principal of its own.",
        "variables": {"bootstrap_servers": {"description": "KAFKA_BOOTSTRAP_SERVERS of the deployment."}},
    }


def _channel(topic: Topic, told: list[Told]) -> dict[str, Any]:
    here = [event.type.full_name for event in told if topic.name in event.topics]
    names = [DEAD_LETTER] if topic.name.endswith(DEAD) else here
    config = {name: _number(value) for name, value in topic.config.items()}
    config["cleanup.policy"] = [config["cleanup.policy"]]
    return {
        "address": topic.name,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "replicas": topic.replicas,
                "topicConfiguration": config,
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }


def _number(value: str) -> Any:
    return int(value) if value.lstrip("-").isdigit() else value


def _operation_name(right: Right) -> str:
    return f"{right.process}_{'tells' if right.sends else 'takes'}_{right.topic}"


def _operation(right: Right) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "action": "send" if right.sends else "receive",
        "channel": {"$ref": f"#/channels/{right.topic}"},
    }
    if right.groups:
        group = {"type": "string", "enum": list(right.groups)}
        operation["bindings"] = {"kafka": {"groupId": group, "bindingVersion": KAFKA_BINDING}}
    return operation


def _message(event: Told) -> dict[str, Any]:
    name = event.type.full_name
    own = {"type": "object", "properties": {"ce_type": {"const": name}}}
    return {
        "name": name,
        "title": event.type.name,
        "description": event.type.meaning,
        "contentType": CONTENT_TYPE,
        "headers": {"allOf": [{"$ref": "#/components/schemas/headers"}, own]},
        "payload": {"schemaFormat": PROTOBUF, "schema": proto_text(event)},
        "bindings": _key(event.key),
        "x-kept": event.kept,
        "x-consumers": {topic: event.consumers(topic) for topic in event.topics},
        "examples": [
            {"name": each.name, "headers": each.headers, "payload": each.value} for each in samples_of(name)
        ],
    }


def _dead_letter() -> dict[str, Any]:
    return {
        "name": DEAD_LETTER,
        "title": "Dead letter",
        "description": "What a consumer can never read: headers, key and value as they came, and why.",
        "headers": _headers(DEAD_HEADERS),
        "payload": {"type": "string", "format": "binary"},
    }


def _headers(required: dict[str, str], optional: dict[str, str] | None = None) -> dict[str, Any]:
    every = required | (optional or {})
    properties = {name: {"type": "string", "description": said} for name, said in every.items()}
    return {"type": "object", "required": list(required), "properties": properties}


def _key(what: str) -> dict[str, Any]:
    return {"kafka": {"key": {"type": "string", "description": what}, "bindingVersion": KAFKA_BINDING}}
