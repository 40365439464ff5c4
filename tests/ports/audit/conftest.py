from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.audit.__main__ import MIGRATIONS
from services.runtime.database import Database, migrate


@pytest.fixture(params=["sqlite", "postgres"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated database of audit."""
    found = f"sqlite+aiosqlite:///{tmp_path / 'audit.db'}"
    if request.param == "postgres":
        found = request.getfixturevalue("postgres_url")
    await migrate(found, MIGRATIONS)
    return found


@pytest.fixture
async def records(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    yield database
    await database.close()
