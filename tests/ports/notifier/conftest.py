from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.notifier.__main__ import MIGRATIONS
from services.runtime.database import Database, migrate
from tests.ports.notifier.world import World


@pytest.fixture(params=["sqlite", "postgres"])
async def world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'notifier.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("postgres_url")
    await migrate(url, MIGRATIONS)
    database = Database(url)
    yield World(database)
    await database.close()
