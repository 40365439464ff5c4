"""identity and vault are compared by the one reference they share: every difference, and nothing else."""

import io
import random
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from services.card_gateway import reconciling, tables
from services.card_gateway.reconciling import NotTheRefs, reconcile, refs_of
from services.identity import card_refs
from services.identity import tables as identity_tables
from services.runtime.database import Database
from tests.fakes.clock import NOON
from tests.ports.card_gateway.world import World
from tests.ports.identity.world import migrated_identity, migrated_identity_on_postgres

__all__ = ["migrated_identity", "migrated_identity_on_postgres"]


def refs(count: int, seed: int = 1) -> list[str]:
    return [f"{random.Random(f'{seed} {number}').getrandbits(128):032x}" for number in range(count)]


async def in_the_vault(
    database: Database, names: list[str], *, without: frozenset[str] = frozenset()
) -> None:
    """Cards with a sealed value, but for those in `without`."""
    card = {"profile": "PIV", "key_9e": b"", "expires_at": NOON}
    rows = [{"card_ref": ref, "guid": bytes.fromhex(ref), **card} for ref in names]
    kept: dict[str, Any] = {
        "version": 0, "kid": "k1", "highest": 0, "imported_kid": "k1",
        "tries": 3, "tries_full": 3, "stopped": "",
    }  # fmt: skip
    secrets = [{"card_ref": ref, "imported": None if ref in without else b"sealed", **kept} for ref in names]
    async with database.begin("test.cards") as connection:
        await connection.execute(insert(tables.cards), rows)
        await connection.execute(insert(tables.secrets), secrets)


def written(names: list[str]) -> bytes:
    return b"".join(b"%s\n" % ref.encode() for ref in sorted(names)) + b"# %d cards\n" % len(names)


@pytest.mark.parametrize("page", [1, 7, 5_000])
async def test_both_differences_are_told_with_their_counts(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], page: int
) -> None:
    monkeypatch.setattr(reconciling, "PAGE", page)
    monkeypatch.setattr(reconciling, "_AFTER", reconciling._AFTER.limit(page))
    both, here, there = refs(40), refs(5, seed=2), refs(3, seed=3)
    await in_the_vault(world.database, both + here, without=frozenset(both[:2]))

    assert await reconcile(world.database, io.BytesIO(written(both + there))) == 1

    *told, counts = capsys.readouterr().out.splitlines()
    assert set(told) == {
        *(f"only in the vault: {ref}" for ref in here),
        *(f"only in identity: {ref}" for ref in there),
        *(f"in both, without its secret: {ref}" for ref in both[:2]),
    }
    assert [line.rpartition(" ")[2] for line in told] == sorted(line.rpartition(" ")[2] for line in told)
    assert counts == "in both 38, only in identity 3, only in the vault 5, in both, without its secret 2"


async def test_no_difference_ends_with_0(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert await reconcile(world.database, io.BytesIO(b"# 0 cards\n")) == 0
    await in_the_vault(world.database, refs(12))

    assert await reconcile(world.database, io.BytesIO(written(refs(12)))) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("in both 12, only in identity 0,")


A, B = b"a" * 32 + b"\n", b"b" * 32 + b"\n"


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (b"", "was cut"),
        (A + B, "was cut"),
        (A + B + b"# 3 cards\n", "2 cards came before it"),
        (A + B + b"# 2 cards\n" + B, "2 cards came before it"),
        (B + A + b"# 2 cards\n", "line 2"),
        (A + A + b"# 2 cards\n", "line 2"),
        (A.upper() + b"# 1 cards\n", "line 1"),
        (b"card_ref\n" + A, "line 1"),
        (b"c" * 100_000, "line 1"),
    ],
)
def test_a_file_that_is_not_whole_or_not_ours_is_refused(file: bytes, why: str) -> None:
    with pytest.raises(NotTheRefs, match=why):
        list(refs_of(io.BytesIO(file)))


@pytest.mark.parametrize("page", [3, 5_000])
async def test_identity_writes_every_reference_once_and_in_order(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    page: int,
) -> None:
    template = request.getfixturevalue("migrated_identity_on_postgres")
    database = Database(request.getfixturevalue("postgres").create_database(template=template))
    monkeypatch.setattr(card_refs, "PAGE", page)
    monkeypatch.setattr(card_refs, "_AFTER", card_refs._AFTER.limit(page))
    await in_identity(database, refs(20))
    assert await card_refs.write_refs(database) == 0
    await database.close()

    assert capsys.readouterr().out.encode() == written(refs(20))


async def in_identity(database: Database, names: list[str]) -> None:
    known = identity_tables
    async with database.begin("test.cards") as connection:
        await connection.execute(insert(known.organisations), {"code": "X26", "name": "Example Hospital"})
        holder: dict[str, Any] = {
            "holder_ref": "a1" * 16,
            "holder_id": "test-holder-0001",
            "organisation": "X26",
        }
        holder |= {"name": "Test Holder One", "status": "ACTIVE", "address_version": 0}
        await connection.execute(insert(known.holders), holder)
        card = {"holder_ref": "a1" * 16, "status": "ACTIVE"}
        await connection.execute(insert(known.cards), [{"card_ref": ref, **card} for ref in names])


async def test_the_commands_fit_each_other(
    tmp_path: Path, migrated_identity: Path, migrated_gateway: Path
) -> None:
    """As processes, through a pipe, on SQLite."""
    copies = {"IDENTITY": migrated_identity, "CARD_GATEWAY": migrated_gateway}
    urls = {}
    for name, copy_of in copies.items():
        path = tmp_path / f"{name}.db"
        path.write_bytes(copy_of.read_bytes())
        urls[f"{name}_DATABASE_URL"] = f"sqlite+aiosqlite:///{path}"
    identity, gateway = (Database(url) for url in urls.values())
    await in_identity(identity, refs(30))
    await in_the_vault(gateway, refs(29))
    await identity.close()
    await gateway.close()

    told = ran(urls, "services.identity", "cards", "refs")
    compared = ran(urls, "services.card_gateway", "reconcile", "-", given=told.stdout)
    cut = ran(urls, "services.card_gateway", "reconcile", "-", given=told.stdout[:500])

    assert told.returncode == 0
    assert (compared.returncode, compared.stdout.splitlines()) == (
        1,
        [
            f"only in identity: {refs(30)[29]}",
            "in both 29, only in identity 1, only in the vault 0, in both, without its secret 0",
        ],
    )
    assert (cut.returncode, cut.stderr.count("\n")) == (2, 1)


def ran(
    environment: dict[str, str], module: str, *command: str, given: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *command],
        env=environment, input=given, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


async def test_memory_does_not_grow_with_the_fleet(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reconciling, "PAGE", 500)
    monkeypatch.setattr(reconciling, "_AFTER", reconciling._AFTER.limit(500))
    names = refs(12_000)
    await in_the_vault(world.database, names)
    peaks = []
    for count in (1_000, 12_000):
        stream = io.BytesIO(written(names[:count]))
        tracemalloc.start()
        run = reconciling.Reconciling(world.database, stream)
        async for _ in run.run():
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert run.same == 12_000
    assert peaks[1] < 1.3 * peaks[0] + 100_000
