"""Copies of a database, as an operator makes and restores them, and a relay that tells all it has."""

import asyncio
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from sqlalchemy import Table, func, select

from deploy.topics import create
from services.runtime.database import Database
from services.runtime.outbox import OutboxRelay
from tests.fixtures.in_place import run_in_place


class Copies:
    """Where copies of one test lie."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path) -> None:
        self._request, self._folder, self._made = request, folder, 0

    async def of(self, database: Database) -> str:
        """The address of a copy of the database as it is now."""
        await database.engine.dispose()
        url, self._made = database.engine.url, self._made + 1
        if url.get_backend_name() == "sqlite":
            copy = self._folder / f"copy-{self._made}.db"
            shutil.copy(str(url.database), copy)
            return f"sqlite+aiosqlite:///{copy}"
        made: str = self._request.getfixturevalue("postgres").create_database(template=url.database)
        return made


async def anew(broker: str, topic: str) -> None:
    """Make a topic empty."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    await admin.delete_topics([topic])
    while topic in await admin.list_topics():
        await asyncio.sleep(0.05)
    await admin.close()
    await create(broker)


async def tell_all(database: Database, outbox: Table, position: Table, source: str, broker: str) -> None:
    """Run the relay until nothing waits."""
    task = asyncio.create_task(OutboxRelay(database, outbox, position, source, broker).run())
    async with asyncio.timeout(60):
        while await _waiting(database, outbox):
            await asyncio.sleep(0.02)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _waiting(database: Database, outbox: Table) -> int:
    async with database.read() as connection:
        return int(await connection.scalar(select(func.count()).select_from(outbox)) or 0)


def by_command(service: str, url: str, broker: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """What an operator types."""
    told = {f"{service.upper()}_DATABASE_URL": url, "KAFKA_BOOTSTRAP_SERVERS": broker}
    return run_in_place(f"services.{service}", *words, env=os.environ | told)
