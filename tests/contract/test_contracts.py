"""Every RPC names its callers, every event is documented, every secret is marked, and breaks are found."""

import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet

ROOT = Path(__file__).parents[2]
PROTO = ROOT / "proto"
OWNERS = ("identity", "otp", "card_gateway", "notifier", "audit", "common")
BUF = Path(sys.executable).parent / "buf"


def sources() -> dict[str, str]:
    return {path.name: path.read_text() for path in PROTO.glob("smartcard_unlock/*/v1/*.proto")}


def comment_before(text: str, position: int) -> str:
    lines = text[:position].rstrip().splitlines()
    comment: list[str] = []
    while lines and lines[-1].strip().startswith("//"):
        comment.append(lines.pop().strip())
    return "\n".join(reversed(comment))


@pytest.mark.parametrize("name", sources())
def test_every_rpc_names_its_callers_and_whether_it_may_be_repeated(name: str) -> None:
    text = sources()[name]

    for rpc in re.finditer(r"^  rpc (\w+)", text, re.M):
        comment = comment_before(text, rpc.start())
        assert re.search(r"Callers: [a-z_, ]+\.", comment), rpc[1]
        assert "dempotent" in comment, rpc[1]


def access_tables() -> dict[str, frozenset[str]]:
    rules: dict[str, frozenset[str]] = {}
    for service in ("identity", "otp", "card_gateway", "audit"):
        module = importlib.import_module(f"services.{service}.access")
        for value in vars(module).values():
            if isinstance(value, dict) and all(str(key).startswith("/smartcard_unlock.") for key in value):
                rules |= value
    return rules


def test_comments_and_access_tables_say_the_same() -> None:
    said: dict[str, frozenset[str]] = {}
    for text in sources().values():
        package = re.search(r"^package (.+);", text, re.M)
        service = re.search(r"^service (\w+)", text, re.M)
        for rpc in re.finditer(r"^  rpc (\w+)", text, re.M) if service else ():
            callers = re.search(r"Callers: ([a-z_, ]+)\.", comment_before(text, rpc.start()))
            assert package
            assert service
            assert callers
            # Agents have no certificate of ours: their table says `anonymous`.
            names = frozenset(
                "anonymous" if name == "agent" else name for name in re.split(r", ?", callers[1])
            )
            said[f"/{package[1]}.{service[1]}/{rpc[1]}"] = names

    assert access_tables() == said


def test_every_event_is_documented_with_its_topic() -> None:
    table = (ROOT / "docs" / "events.md").read_text()
    topics = (ROOT / "deploy" / "k8s" / "topics.yaml").read_text()

    documented = dict(re.findall(r"^\| `(smartcard_unlock\.[\w.]+)`[^|]*\| `([\w.-]+)`", table, re.M))
    for name, text in sources().items():
        if not name.endswith("_events.proto"):
            continue
        package = re.search(r"^package (.+);", text, re.M)
        assert package
        for message in re.finditer(r"^message (\w+)", text, re.M):
            comment = comment_before(text, message.start())
            topic = re.search(r"Topic ([\w.-]+), key", comment)
            assert topic, message[1]
            assert documented[f"{package[1]}.{message[1]}"] == topic[1]
            assert f"topicName: {topic[1]}" in topics


def test_every_field_that_says_secret_is_redacted() -> None:
    image = subprocess.run([BUF, "build", "-o", "-"], cwd=PROTO, capture_output=True, check=True).stdout
    files = FileDescriptorSet.FromString(image)
    marked, said = set(), set()
    for file in files.file:
        if not file.package.startswith("smartcard_unlock."):
            continue
        for location in file.source_code_info.location:
            if len(location.path) == 4 and location.path[0] == 4 and location.path[2] == 2:
                message = file.message_type[location.path[1]]
                field = message.field[location.path[3]]
                name = f"{file.package}.{message.name}.{field.name}"
                if re.search(r"\bSECRET\b[.:]", location.leading_comments):
                    said.add(name)
                if field.options.debug_redact:
                    marked.add(name)

    assert len(said) > 20
    assert said <= marked


@pytest.mark.parametrize(
    ("what", "old", "new"),
    [
        ("a removed field", "  // Id of the code; UUIDv7.\n  string code_id = 1;\n", ""),
        ("a changed type", "uint32 entries_left = 5", "string entries_left = 5"),
        ("a removed RPC", "rpc RedeemCode", "rpc JudgeCode"),
        ("a renumbered value", "REDEEM_VERDICT_WRONG = 2", "REDEEM_VERDICT_WRONG = 9"),
    ],
)
def test_F21_a_planted_break_is_found(tmp_path: Path, what: str, old: str, new: str) -> None:
    copy = tmp_path / "proto"
    shutil.copytree(PROTO, copy, ignore=shutil.ignore_patterns("generated"))
    file = copy / "smartcard_unlock/otp/v1/otp.proto"
    text = file.read_text()
    assert old in text
    against = ["breaking", "--against", str(copy / "baseline.binpb")]
    assert subprocess.run([BUF, *against], cwd=copy, capture_output=True).returncode == 0

    file.write_text(text.replace(old, new, 1))

    assert subprocess.run([BUF, *against], cwd=copy, capture_output=True).returncode != 0, what


def test_no_message_on_kafka_has_a_field_for_a_person() -> None:
    """I12: names, addresses, PINs and codes have no field in any event but the sealed code."""
    personal = re.compile(r"address(?!_version)|email|name|phone|pin(?!_blocked)|puk(?!_version)|code$")
    found = []
    for owner in OWNERS:
        path = f"smartcard_unlock.{owner}.v1.{owner}{'' if owner == 'common' else '_events'}_pb2"
        if owner == "audit":
            continue
        module = importlib.import_module(path)
        for message in module.DESCRIPTOR.message_types_by_name.values():
            if message.name == "RegistrationAuthority":  # never in an event: identity's answers only
                continue
            found += [
                f"{message.name}.{field.name}"
                for field in message.fields
                if field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)
                and personal.search(field.name)
            ]

    # Error codes, and the code under HPKE.
    assert sorted(found) == ["CodeIssued.sealed_code", "SessionOutcome.code"]
