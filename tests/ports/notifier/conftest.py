import asyncio
import shutil
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.notifier.__main__ import MIGRATIONS
from services.runtime.database import Database, migrate
from tests.ports.notifier.world import World


@pytest.fixture(scope="session")
def migrated_notifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("notifier") / "notifier.db"
    with ThreadPoolExecutor(1) as pool:  # outside any event loop
        pool.submit(lambda: asyncio.run(migrate(f"sqlite+aiosqlite:///{path}", MIGRATIONS))).result()
    return path


@pytest.fixture(params=["sqlite", "postgres"])
async def world(
    request: pytest.FixtureRequest, tmp_path: Path, migrated_notifier: Path
) -> AsyncIterator[World]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'notifier.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
        await migrate(url, MIGRATIONS)
    else:
        shutil.copy(migrated_notifier, tmp_path / "notifier.db")
    database = Database(url)
    yield World(database)
    await database.close()
