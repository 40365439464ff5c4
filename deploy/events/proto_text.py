"""One event as a `.proto` file that stands alone, for tools that read no imports.

Types of other packages of ours are written into it: names of types do not travel, numbers do.
"""

import textwrap

from deploy.events.contract import OURS, Member, Told, Type, needed_by

WIDTH = 100


def proto_text(event: Told) -> str:
    """Return the file; what is sent by it and by our own contracts are the same bytes."""
    types = needed_by(event)
    package = event.type.full_name.rpartition(".")[0]
    imports = ['import "google/protobuf/timestamp.proto";'] if _tells_a_time(types) else []
    head = ['syntax = "proto3";', f"package {package};", *imports]
    return "\n\n".join([*head, *map(_text, types)]) + "\n"


def _tells_a_time(types: list[Type]) -> bool:
    return any(member.kind == "google.protobuf.Timestamp" for type_ in types for member in type_.members)


def _text(type_: Type) -> str:
    word = "enum" if type_.is_enum else "message"
    members = [line for member in type_.members for line in _lines(member)]
    return "\n".join([*_comment(type_.meaning, ""), f"{word} {type_.name} {{", *members, "}"])


def _lines(member: Member) -> list[str]:
    kind = member.kind.rpartition(".")[2] if member.kind.startswith(OURS) else member.kind
    return [
        *_comment(member.meaning, "  "),
        f"  {kind} {member.name} = {member.number};".replace("   ", "  "),
    ]


def _comment(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=f"{indent}// ", subsequent_indent=f"{indent}// ")
