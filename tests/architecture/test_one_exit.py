"""`Vault.release` is the only exit of a PUK, `answer` of what an admin key makes of one challenge.

By the sources, the contracts, the rows, and what every command prints.
"""

import ast
import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor
from smartcard_unlock.card_gateway.v1 import agents_pb2, card_gateway_events_pb2, card_gateway_pb2

from deploy.local.keys import Keys
from services.card_gateway.domain.budget import Secret
from services.card_gateway.domain.journal import Rotation, RowState
from services.card_gateway.master_keys import FileKeyProvider
from services.card_gateway.ports import Authorisation, CardProof, NotReleased
from services.card_gateway.vault import MasterVault
from tests.architecture.test_sources import ROOT, SERVICES, modules
from tests.fakes.clock import NOON
from tests.fakes.randomness import SeededRandomness
from tests.journeys.leaks import search
from tests.ports.card_gateway.test_commands import Gateway
from tests.ports.card_gateway.world import card_in_reader, migrated_gateway

__all__ = ["migrated_gateway"]

CANARY, OTHER = "73910264", "55512340"
CARD, TWIN = "c1" * 16, "d2" * 16


# --- by the sources -------------------------------------------------------------------------------------


def names(path: Path) -> Iterator[str]:
    """What a file asks of others (`.release`), and what it names from elsewhere."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            yield f".{node.attr}"
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)


def users(*wanted: str) -> set[str]:
    gateway = [path for path in modules() if "card_gateway" in path.parts]
    return {str(path.relative_to(SERVICES)) for path in gateway if set(wanted) & set(names(path))}


def test_nothing_outside_the_vault_derives_or_opens_a_secret() -> None:
    assert users("AESGCMSIV") == {"card_gateway/vault.py"}
    assert users("._puk", "._opened", "._standing", "_bound_to", "WRAPPING") <= {"card_gateway/vault.py"}
    assert users(".mac") == {"card_gateway/vault.py"}


def test_one_use_case_asks_for_a_release_and_one_for_an_admin_keys_answer() -> None:
    asked = [path.name for path in modules() if "vault.answer(" in path.read_text()]

    assert users(".release") == {"card_gateway/use_cases/resetting.py"}
    assert asked == ["answering.py"]
    assert users(".encipher", ".decipher") - {"card_gateway/admin_key.py"} == {"card_gateway/vault.py"}


def test_the_vault_has_no_other_method_that_gives_a_secret_away() -> None:
    tree = ast.parse((ROOT / "services/card_gateway/vault.py").read_text())
    (vault,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "MasterVault"]
    giving = {
        node.name: ast.unparse(node.returns)
        for node in vault.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.returns is not None
        and not node.name.startswith("_")
    }

    assert {name for name, given in giving.items() if "Puks" in given} == {"release"}
    assert {name for name, given in giving.items() if "bytes" in given} == {
        "answer", "derive", "resealed", "seal_imported",
    }  # fmt: skip


# --- by the contracts -----------------------------------------------------------------------------------


def reached(message: Descriptor, seen: set[str]) -> set[str]:
    if message.full_name not in seen:
        seen.add(message.full_name)
        for field in message.fields:
            if field.message_type is not None:
                reached(field.message_type, seen)
    return seen


def test_only_the_agents_listener_can_answer_with_a_script() -> None:
    script = agents_pb2.Script.DESCRIPTOR.full_name
    carriers = {
        f"{service.name}.{method.name}"
        for module in (card_gateway_pb2, agents_pb2)
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
        if script in reached(method.output_type, set())
    }
    events = card_gateway_events_pb2.DESCRIPTOR.message_types_by_name.values()

    assert carriers == {"AgentService.NextStep", "AgentService.ReportStep"}
    assert not [each.name for each in events if script in reached(each, set())]


# --- by the rows ----------------------------------------------------------------------------------------


def vault() -> MasterVault:
    return MasterVault(FileKeyProvider({"k1": bytes(range(32)), "k2": bytes(32)}, "k1"), SeededRandomness())


def secret_of(card_ref: str, puk: str) -> Secret:
    imported, kid = vault().seal_imported(card_ref, "PIV", puk)
    return Secret(card_ref, 0, kid, 0, imported, kid, 3, 3)


async def released(secret: Secret) -> bytes:
    row = Rotation("row", secret.card_ref, "session", 0, "k1", 1, "k1", RowState.SENT, NOON)
    authorisation = Authorisation(
        "session", secret.card_ref, "a1" * 16, "row", NOON, NOON.replace(second=9), "PIV"
    )
    puks = await vault().release(
        authorisation, CardProof("session", secret.card_ref, NOON), secret, row, NOON
    )
    return puks.current


async def test_S45_a_row_opens_as_it_was_sealed_and_in_no_other_way() -> None:
    mine, other = secret_of(CARD, CANARY), secret_of(TWIN, OTHER)
    sealed = mine.imported
    assert sealed is not None
    assert await released(mine) == CANARY.encode()
    swapped = [
        replace(mine, imported=other.imported),
        replace(mine, card_ref=TWIN),
        replace(other, card_ref=CARD),
        replace(mine, imported_kid="k2"),
        replace(mine, imported=sealed[:-1]),
        replace(mine, imported=b""),
        *(
            replace(mine, imported=sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :])
            for at in range(len(sealed))
        ),
    ]
    for row in swapped:
        with pytest.raises(NotReleased, match="VAULT_DAMAGED"):
            await released(row)


async def test_S45_a_row_whose_key_is_gone_stays_shut() -> None:
    with pytest.raises(NotReleased, match="KEY_MISSING"):
        await released(replace(secret_of(CARD, CANARY), imported_kid="k3"))


# --- by the commands ------------------------------------------------------------------------------------


def test_S23_no_command_shows_a_puk_or_a_key_and_none_leaves_a_file_with_one(
    keys: Keys, tmp_path: Path, migrated_gateway: Path
) -> None:
    shutil.copy(migrated_gateway, tmp_path / "gateway.db")
    gateway = Gateway(keys, tmp_path / "gateway.db")
    _, line = card_in_reader()
    good = line | {"puk": CANARY}
    bad = [
        good | {"guid": "1" * 32, "card_ref": "2" * 32, wrong: CANARY} for wrong in ("profile", "expires_at")
    ]
    bad += [{"puk": CANARY}, good | {"card_ref": CANARY}, good | {CANARY: 1}]
    file = tmp_path / "input" / "cards.jsonl"
    file.parent.mkdir()
    file.write_text("".join(json.dumps(each) + "\n" for each in (good, *bad)))
    (file.parent / "cards.csv").write_text(f"card_ref,{CANARY}\n{CANARY}\n")
    master = (keys.card_master_dir / "k1.key").read_bytes()
    commands = [
        ["migrate"], ["check-config"],
        ["import", str(file)], ["import", str(file), "--dry-run"],
        ["import", str(file), "--report", str(tmp_path / "report.csv")],
        ["import", str(file.parent / "cards.csv")],
        ["vault", "keys"], ["vault", "rewrap"], ["vault", "new-key", "k1"], ["vault", "catch-up"],
        ["import", str(tmp_path / "none")], ["--help"], ["vault", "--help"],
    ]  # fmt: skip
    said = [(" ".join(each[:2]), gateway.run(*each, LOG_LEVEL="DEBUG")) for each in commands]
    places = [(name, (ran.stdout + ran.stderr).encode()) for name, ran in said]
    places += [
        (str(path.relative_to(tmp_path)), path.read_bytes())
        for path in tmp_path.rglob("*")
        if path.is_file() and path.parent != file.parent
    ]
    with closing(sqlite3.connect(tmp_path / "gateway.db")) as connection:
        assert connection.execute("select count(*) from secrets").fetchone() == (1,)

    assert search({"PUK": CANARY}, places) == []
    assert [name for name, content in places if master in content or master.hex().encode() in content] == []
