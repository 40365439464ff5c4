"""docs/events.md: what is told, field by field, with an example of each."""

import json
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.json_format import MessageToDict
from smartcard_unlock.audit.v1 import audit_events_pb2
from smartcard_unlock.common.v1 import common_pb2

from deploy.events.contract import OURS, Told, Type, events, needed_by
from deploy.events.samples import Sample, samples_of
from services.audit.domain.record import OutcomeKind, teller

HERE = Path(__file__).parent

KEYS = {"session_id": "session", "holder_ref": "holder", "head": "`head`"}
"""How the page words a key."""


def as_markdown() -> str:
    """Return the whole page as docs/events.md holds it."""
    told = events()
    parts = [
        _prose("before.md"),
        _overview(told),
        _prose("after.md"),
        _prose("analysts.md"),
        _record_in_full(),
        "## Each event",
        *[part for event in told for part in _event(event)],
        "## Words",
        *_words(told),
    ]
    return "\n\n".join(parts) + "\n"


def _prose(name: str) -> str:
    return (HERE / name).read_text().strip()


def _overview(told: list[Told]) -> str:
    rows = [_row(event, topic) for event in told for topic in event.topics]
    return "\n".join(["| message | topic | key | kept | consumers |", "|---|---|---|---|---|", *rows])


def _row(event: Told, topic: str) -> str:
    kinds = f" ({', '.join(_kinds(topic))})" if len(event.topics) > 1 else ""
    key, consumers = KEYS.get(event.key, event.key), ", ".join(event.consumers(topic))
    return f"| `{event.type.full_name}`{kinds} | `{topic}` | {key} | {event.kept} | {consumers} |"


def _kinds(topic: str) -> list[str]:
    """Kinds of outcome that come by this topic: those that its owner can know."""
    return [kind.value for kind in OutcomeKind if topic.startswith(f"{teller(kind)}.")]


def _event(event: Told) -> Iterator[str]:
    yield f"### {event.type.name}"
    yield event.type.meaning
    rows = [
        f"| `{member.name}` | {member.number} | {_kind(member.kind)} | {_cell(member.meaning)} |"
        for member in event.type.members
    ]
    yield "\n".join(["| field | number | type | meaning |", "|---|---|---|---|", *rows])
    first = samples_of(event.type.full_name)[0]
    yield f"For example ([with its headers and bytes](samples/events/{first.name}.json)):"
    yield _json(first.value)


def _kind(kind: str) -> str:
    if kind.startswith(OURS):
        name = kind.rpartition(".")[2]
        return f"[{name}](#{name.lower()})"
    return "time" if kind == "google.protobuf.Timestamp" else kind


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _words(told: list[Told]) -> Iterator[str]:
    used = {type_.full_name: type_ for event in told for type_ in needed_by(event) if type_ is not event.type}
    for _, type_ in sorted(used.items(), key=lambda each: each[1].name):
        yield f"### {type_.name}"
        yield type_.meaning
        yield _members(type_)


def _members(type_: Type) -> str:
    rows = [f"| `{member.name}` | {member.number} | {_cell(member.meaning)} |" for member in type_.members]
    return "\n".join(["| word | number | meaning |", "|---|---|---|", *rows])


def _record_in_full() -> str:
    record: Sample = samples_of(audit_events_pb2.RecordSequenced.DESCRIPTOR.full_name)[0]
    body = audit_events_pb2.RecordSequenced.FromString(record.raw).body
    outcome = common_pb2.SessionOutcome.FromString(body)
    inside = _json(MessageToDict(outcome, preserving_proto_field_name=True))
    return f"A record:\n\n{_json(record.value)}\n\nIts `body`, parsed as its `ce_type` says:\n\n{inside}"


def _json(value: object) -> str:
    return f"```json\n{json.dumps(value, indent=2, ensure_ascii=False)}\n```"
