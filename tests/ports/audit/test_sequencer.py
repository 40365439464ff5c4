"""`audit sequencer` as a process, with a real broker: it tells, it signs, it survives, and it never forks."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from smartcard_unlock.audit.v1 import audit_events_pb2

from deploy.local.child import Child, wait_until
from deploy.local.kafka import Kafka
from deploy.local.keys import Keys
from services.audit.__main__ import MIGRATIONS
from services.audit.events import HEADS_TOPIC, RECORDS_TOPIC, SOURCE
from services.audit.heads_file import HeadsFolder
from services.runtime.database import Database, migrate
from services.runtime.told import read_back
from tests.ports.audit.log import keep, messages

pytestmark = pytest.mark.kafka


class World:
    """One log on SQLite, its folder of heads, and its sequencer."""

    def __init__(self, folder: Path, keys: Keys, broker: Kafka) -> None:
        self.file = folder / "audit.db"
        self.url = f"sqlite+aiosqlite:///{self.file}"
        self.heads = folder / "heads"
        self.heads.mkdir()
        self.kafka = broker.bootstrap
        environment = keys.tls(SOURCE) | {
            "AUDIT_DATABASE_URL": self.url,
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka,
            "AUDIT_LOG_KEY_FILE": str(keys.audit_log),
        }
        argv = [sys.executable, "-m", "services.audit", "sequencer"]
        ready = '"event": "ready"'
        with_folder = environment | {"AUDIT_HEADS_DIR": str(self.heads)}
        self.child = Child(SOURCE, argv, folder / "log", with_folder, ready)
        self.without_folder = Child(SOURCE, argv, folder / "log-without-folder", environment, ready)

    async def store(self, first: int, count: int) -> None:
        records = Database(self.url)
        await keep(records, messages(first, count))
        await records.close()

    async def signed(self, size: int) -> None:
        """Return when a head of that size is in the folder. Raises TimeoutError."""
        folder = HeadsFolder(self.heads)
        await asyncio.to_thread(
            wait_until, f"a head of {size}", lambda: (folder.last() or (0, ""))[0] == size, 30
        )

    async def told(self, size: int) -> tuple[list[Any], list[Any]]:
        """Records and heads as their topics hold them, once the head of that size is there."""
        async with asyncio.timeout(30):
            while not (heads := await self._heads()) or heads[-1].tree_size < size:
                await asyncio.sleep(0.2)
        records = await read_back(self.kafka, RECORDS_TOPIC, SOURCE)
        return [audit_events_pb2.RecordSequenced.FromString(each.value) for each in records], heads

    async def _heads(self) -> list[Any]:
        found = await read_back(self.kafka, HEADS_TOPIC, SOURCE)
        return [audit_events_pb2.HeadSigned.FromString(each.value) for each in found]


@pytest.fixture
async def world(tmp_path: Path, keys: Keys, own_kafka: Kafka) -> AsyncIterator[World]:
    made = World(tmp_path, keys, own_kafka)
    await migrate(made.url, MIGRATIONS)
    yield made
    made.child.kill()


async def test_F34_a_log_is_told_and_signed_through_kills_and_never_forks_when_it_is_restored(
    world: World, tmp_path: Path
) -> None:
    world.child.start(60)
    await world.store(0, 30)
    await world.signed(30)
    world.child.kill()
    await world.store(30, 700)
    world.child.start(60)
    await world.signed(730)

    records, heads = await world.told(730)
    assert sorted(each.leaf_index for each in records) == list(range(730))
    files = sorted(world.heads.glob("*/*.head"))
    assert [path.read_text() for path in files] == [head.note for head in heads]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o444}
    world.child.stop()
    await _restored_from_an_old_copy(world, tmp_path)


async def refuses(child: Child, why: str) -> None:
    child.start(60)
    try:
        await asyncio.to_thread(wait_until, why, lambda: why in child.written(), 30)
    finally:
        child.stop()


async def _restored_from_an_old_copy(world: World, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(world.file, copy)
    world.child.start(60)
    await world.store(730, 5)
    await world.signed(735)
    _, heads = await world.told(735)
    world.child.stop()

    shutil.copy(copy, world.file)
    for ending in ("-wal", "-shm"):
        world.file.with_name(f"{world.file.name}{ending}").unlink(missing_ok=True)
    await world.store(800, 9)
    await refuses(world.child, "log_is_not_that_of_its_heads")
    await refuses(world.without_folder, "log_behind_what_it_told")

    assert (HeadsFolder(world.heads).last() or (0, ""))[0] == 735
    assert (await world.told(735))[1] == heads


async def test_I13_a_log_that_is_not_that_of_its_folder_is_not_signed(
    tmp_path: Path, keys: Keys, own_kafka: Kafka
) -> None:
    (tmp_path / "other").mkdir()
    world = World(tmp_path / "other", keys, own_kafka)
    await migrate(world.url, MIGRATIONS)
    day = world.heads / "2026-11-21"
    day.mkdir()
    (day / f"{4:020}.head").write_text("unlock.example.org/audit\n4\nAAAA\n\n— x y\n")
    await world.store(0, 9)
    await refuses(world.child, "log_is_not_that_of_its_heads")

    assert list(world.heads.glob("*/*.head")) == [day / f"{4:020}.head"]
