from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.keys import Keys
from tests.ports.identity.world import (
    World,
    migrated_identity,
    migrated_identity_on_postgres,
    postgres_world,
    sqlite_world,
)

__all__ = ["migrated_identity", "migrated_identity_on_postgres"]


@pytest.fixture(params=["sqlite", "postgres"])
async def world(
    request: pytest.FixtureRequest, tmp_path: Path, migrated_identity: Path, keys: Keys
) -> AsyncIterator[World]:
    made = sqlite_world(tmp_path / "identity.db", migrated_identity, keys)
    if request.param == "postgres":
        made = postgres_world(request, keys)
    async for world in made:
        yield world
