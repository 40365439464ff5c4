from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.keys import Keys
from services.notifier.__main__ import MIGRATIONS
from services.runtime.database import Database, migrate
from tests.ports.copies import Copies
from tests.ports.identity import world as identity
from tests.ports.identity.world import migrated_identity, migrated_identity_on_postgres
from tests.ports.notifier.world import World as NotifierWorld
from tests.ports.otp import world as otp
from tests.ports.otp.world import migrated_otp, migrated_otp_on_postgres

__all__ = ["migrated_identity", "migrated_identity_on_postgres", "migrated_otp", "migrated_otp_on_postgres"]


@pytest.fixture(params=["sqlite", "postgres"])
def on(request: pytest.FixtureRequest) -> str:
    """Which database."""
    return str(request.param)


@pytest.fixture
def copies(request: pytest.FixtureRequest, tmp_path: Path) -> Copies:
    return Copies(request, tmp_path)


@pytest.fixture
async def otp_world(
    request: pytest.FixtureRequest, on: str, tmp_path: Path, migrated_otp: Path, keys: Keys
) -> AsyncIterator[otp.World]:
    made = otp.sqlite_world(tmp_path / "otp.db", migrated_otp, keys)
    async for world in otp.postgres_world(request, keys) if on == "postgres" else made:
        yield world


@pytest.fixture
async def identity_world(
    request: pytest.FixtureRequest, on: str, tmp_path: Path, migrated_identity: Path, keys: Keys
) -> AsyncIterator[identity.World]:
    made = identity.sqlite_world(tmp_path / "identity.db", migrated_identity, keys)
    async for world in identity.postgres_world(request, keys) if on == "postgres" else made:
        yield world


@pytest.fixture
async def notifier_world(
    request: pytest.FixtureRequest, on: str, tmp_path: Path
) -> AsyncIterator[NotifierWorld]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'notifier.db'}"
    if on == "postgres":
        url = request.getfixturevalue("postgres_url")
    await migrate(url, MIGRATIONS)
    database = Database(url)
    yield NotifierWorld(database)
    await database.close()
