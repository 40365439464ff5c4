"""A log whose end somebody cut off, heads and all, on a broker of its own: what was told still has it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from deploy.local.kafka import Kafka
from deploy.local.keys import Keys
from services.audit.__main__ import MIGRATIONS
from services.runtime.database import migrate
from tests.ports.audit.test_sequencer import World, refuses

pytestmark = pytest.mark.kafka


async def test_I13_an_end_cut_off_with_its_head_is_missed_by_what_was_told(
    tmp_path: Path, keys: Keys, own_kafka: Kafka
) -> None:
    world = World(tmp_path, keys, own_kafka)
    await migrate(world.url, MIGRATIONS)
    world.child.start(60)
    for first, count in ((0, 9), (9, 3)):
        await world.store(first, count)
        await world.signed(first + count)
    await world.told(12)
    world.child.stop()
    with closing(sqlite3.connect(world.file)) as connection, connection:
        for table, cut in (("records", "ce_id"), ("leaves", "ce_id"), ("heads", "size")):
            connection.execute(f"DROP TRIGGER {table}_no_delete")
            connection.execute(
                f"DELETE FROM {table} WHERE {cut} > ?", (9 if cut == "size" else "e-00000008",)
            )

    alone = await world.command("verify", str(world.public_key))
    beside = await world.command("verify", str(world.public_key), "--told")
    await refuses(world.without_folder, '"log_is_not_that_of_its_heads"')
    assert alone.returncode == 0
    assert alone.stdout.splitlines() == [
        "no heads from elsewhere (--heads, --told): an end cut off with its heads is not seen",
        "9 records and 1 heads: 0 wrong",
    ]
    assert beside.returncode == 1
    assert beside.stdout.splitlines() == [
        "audit.heads.v1, number 2: signed over 12 records, more than the log has",
        "9 records and 1 heads: 1 wrong",
    ]
