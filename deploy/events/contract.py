"""Events as the contracts declare them: message, topics, key, how long kept, consumers, fields.

All of it stands in `proto/` beside the message. A message is an event when its comment names a topic.
"""

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

PROTO = Path(__file__).parents[2] / "proto"
OURS = "smartcard_unlock."

WHERE = re.compile(
    r"Topics? (?P<topics>[\w.-]+\.v1\b.*?), key `?(?P<key>\w+)`?, kept (?P<kept>[\w ]+)[^:]*"
    r"Consumers: (?P<consumers>[^.]+)\."
)
"""The words by which a message's comment makes it an event."""

_MESSAGE, _ENUM, _MEMBER = 4, 5, 2
"""Field numbers of FileDescriptorProto, and of a message's fields and an enum's values: paths of comments."""

_SCALARS = {
    FieldDescriptorProto.TYPE_STRING: "string",
    FieldDescriptorProto.TYPE_BYTES: "bytes",
    FieldDescriptorProto.TYPE_BOOL: "bool",
    FieldDescriptorProto.TYPE_UINT32: "uint32",
    FieldDescriptorProto.TYPE_UINT64: "uint64",
}


@dataclass(frozen=True)
class Member:
    """A field of a message or a value of an enum."""

    name: str
    number: int
    kind: str
    """Scalar, or full name of message or enum; empty for a value."""
    meaning: str


@dataclass(frozen=True)
class Type:
    """A message or an enum, with what the contract says of it."""

    full_name: str
    is_enum: bool
    comment: str
    members: tuple[Member, ...]

    @property
    def name(self) -> str:
        """Return the name without its package."""
        return self.full_name.rpartition(".")[2]

    @property
    def meaning(self) -> str:
        """Return the comment without what it says of topic, key and consumers."""
        return " ".join(WHERE.sub("", self.comment).split())


@dataclass(frozen=True)
class Told:
    """One event: a message on its topics."""

    type: Type
    topics: tuple[str, ...]
    key: str
    kept: str
    _consumers: tuple[tuple[str, str], ...]
    """Name, and the teller whose topic is meant; empty: each."""

    def consumers(self, topic: str) -> list[str]:
        """Return who consumes the event from this topic."""
        return [name for name, teller in self._consumers if not teller or topic.startswith(f"{teller}.")]


@cache
def types() -> dict[str, Type]:
    """Return every message and enum of ours by full name."""
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I", str(PROTO), "--include_source_info"]
    files = sorted(str(path) for path in PROTO.glob("smartcard_unlock/*/v1/*.proto"))
    image = subprocess.run(
        [*command, "--descriptor_set_out=/dev/stdout", *files], capture_output=True, check=True
    ).stdout
    return {each.full_name: each for file in FileDescriptorSet.FromString(image).file for each in _of(file)}


def events() -> list[Told]:
    """Return every event, in the order of the names of their messages."""
    found = (_told(each) for _, each in sorted(types().items()) if not each.is_enum)
    return [event for event in found if event]


def needed_by(event: Told) -> list[Type]:
    """Return the event's own message and every type of ours that it is made of, each once."""
    wanted, found = [event.type.full_name], dict[str, Type]()
    while wanted:
        name = wanted.pop(0)
        if name.startswith(OURS) and name not in found:
            found[name] = types()[name]
            wanted += [member.kind for member in found[name].members]
    return list(found.values())


def _told(type_: Type) -> Told | None:
    line = WHERE.search(type_.comment)
    if line is None:
        return None
    topics = tuple(re.findall(r"[\w.-]+\.v1\b", line["topics"]))
    consumers = [
        re.fullmatch(r"(.+?)(?: \(from (\w+)\))?", each) for each in re.split(r"[;,] ", line["consumers"])
    ]
    named = tuple((each[1], each[2] or "") for each in consumers if each)
    return Told(type_, topics, line["key"], line["kept"], named)


def _of(file: FileDescriptorProto) -> Iterator[Type]:
    comments = {
        tuple(location.path): " ".join(location.leading_comments.split())
        for location in file.source_code_info.location
    }
    groups: tuple[tuple[int, Sequence[DescriptorProto | EnumDescriptorProto]], ...] = (
        (_MESSAGE, file.message_type),
        (_ENUM, file.enum_type),
    )
    for number, group in groups:
        for index, each in enumerate(group):
            path = (number, index)
            members = tuple(
                _member(member, comments.get((*path, _MEMBER, at), ""))
                for at, member in enumerate(_members(each))
            )
            yield Type(f"{file.package}.{each.name}", number == _ENUM, comments.get(path, ""), members)


def _members(type_: DescriptorProto | EnumDescriptorProto) -> list[tuple[str, int, str]]:
    if isinstance(type_, EnumDescriptorProto):
        return [(value.name, value.number, "") for value in type_.value]
    return [(field.name, field.number, _kind(field)) for field in type_.field]


def _member(member: tuple[str, int, str], comment: str) -> Member:
    name, number, kind = member
    return Member(name, number, kind, comment)


def _kind(field: FieldDescriptorProto) -> str:
    repeated = "repeated " if field.label == FieldDescriptorProto.LABEL_REPEATED else ""
    return repeated + (field.type_name.removeprefix(".") or _SCALARS.get(field.type, "scalar"))
