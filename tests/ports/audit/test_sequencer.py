"""`audit sequencer` as a process, with a real broker: it tells, it signs, it survives, and it never forks."""

import asyncio
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
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
from tests.ports.audit.test_commands import audit

pytestmark = pytest.mark.kafka


class World:
    """One log on SQLite, its folder of heads, and its sequencer."""

    def __init__(self, folder: Path, keys: Keys, broker: Kafka) -> None:
        self.file = folder / "audit.db"
        self.url = f"sqlite+aiosqlite:///{self.file}"
        self.heads = folder / "heads"
        self.heads.mkdir()
        self.kafka = broker.bootstrap
        self.public_key = keys.audit_log_public
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

    async def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run one command of audit to its end."""
        environment = {"AUDIT_DATABASE_URL": self.url, "KAFKA_BOOTSTRAP_SERVERS": self.kafka}
        return await asyncio.to_thread(audit, *words, **environment)

    async def signed(self, size: int) -> None:
        """Return when a head of that size is in the folder. Raises TimeoutError."""
        folder = HeadsFolder(self.heads)
        await asyncio.to_thread(
            wait_until, f"a head of {size}", lambda: (folder.last() or (0, ""))[0] == size, 60
        )

    async def told(self, size: int) -> tuple[list[Any], list[Any]]:
        """Records and heads as their topics hold them, once the head of that size is there."""
        async with asyncio.timeout(60):
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


async def test_F32_F34_a_log_is_told_and_signed_through_kills_and_is_rebuilt_the_same(
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
        await asyncio.to_thread(wait_until, why, lambda: why in child.written(), 60)
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
    done = await world.command("rebuild")
    assert (done.returncode, done.stdout) == (
        0,
        f"735 records and {len(heads)} heads stand; 0 records are missing\n",
    )
    world.child.start(60)
    await world.signed(744)
    await world.told(744)
    world.child.stop()
    await _lost_and_rebuilt(world)


async def _lost_and_rebuilt(world: World) -> None:
    """F32: from nothing but what was told, the same root for the same prefix."""
    before = await world.command("verify", str(world.public_key), "--heads", str(world.heads))
    lost = world.file.rename(world.file.with_name("lost.db"))
    await migrate(world.url, MIGRATIONS)
    done = await world.command("rebuild")
    after = await world.command("verify", str(world.public_key), "--heads", str(world.heads))

    assert "744 records" in before.stdout
    assert before.stdout.endswith(": 0 wrong\n")
    assert done.returncode == 0
    assert after.stdout == before.stdout
    for table in ("leaves", "tiles", "heads", "records", "bodies"):
        assert rows_of(lost, table) == rows_of(world.file, table), table
    await _the_topic_has_forgotten_its_beginning(world)


async def _the_topic_has_forgotten_its_beginning(world: World) -> None:
    """It keeps 400 days: what is older has to be there from a copy."""
    ends = await _forget_half(world.kafka, RECORDS_TOPIC)
    over = await world.command("rebuild")
    world.file.rename(world.file.with_name("copy.db"))
    await migrate(world.url, MIGRATIONS)
    alone = await world.command("rebuild")

    assert sum(ends.values()) >= 744
    assert over.returncode == 0
    assert over.stdout.startswith("744 records and ")
    assert alone.returncode == 1
    assert alone.stdout == "0 records and 0 heads stand; 744 records are missing\n"


async def _forget_half(bootstrap: str, topic: str) -> dict[TopicPartition, int]:
    """Delete the older half of each partition, as its age does; where they end."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=None)
    await consumer.start()
    await admin.start()
    try:
        ends: dict[TopicPartition, int] = await consumer.end_offsets(list(consumer.assignment()))
        halves = {each: RecordsToDelete((end + 1) // 2) for each, end in ends.items()}
        await admin.delete_records(halves)
        return ends
    finally:
        await admin.close()
        await consumer.stop()


def rows_of(file: Path, table: str) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()


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
