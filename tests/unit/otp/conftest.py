from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.keys import Keys
from tests.ports.otp.world import World, migrated_otp, sqlite_world

__all__ = ["migrated_otp"]


@pytest.fixture
async def world(tmp_path: Path, migrated_otp: Path, keys: Keys) -> AsyncIterator[World]:
    async for world in sqlite_world(tmp_path / "otp.db", migrated_otp, keys):
        yield world
