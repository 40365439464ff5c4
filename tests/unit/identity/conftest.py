from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.keys import Keys
from tests.ports.identity.world import World, migrated_identity, sqlite_world

__all__ = ["migrated_identity"]


@pytest.fixture
async def world(tmp_path: Path, migrated_identity: Path, keys: Keys) -> AsyncIterator[World]:
    async for world in sqlite_world(tmp_path / "identity.db", migrated_identity, keys):
        yield world
