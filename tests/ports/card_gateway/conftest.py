from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local.keys import Keys
from tests.ports.card_gateway.world import (
    World,
    migrated_gateway,
    migrated_gateway_on_postgres,
    postgres_world,
    sqlite_world,
)

__all__ = ["migrated_gateway", "migrated_gateway_on_postgres"]


@pytest.fixture(params=["sqlite", "postgres"])
async def world(
    request: pytest.FixtureRequest, tmp_path: Path, migrated_gateway: Path, keys: Keys
) -> AsyncIterator[World]:
    if request.param == "postgres":
        async with postgres_world(request, keys) as world:
            yield world
    else:
        async with sqlite_world(tmp_path / "card_gateway.db", migrated_gateway, keys) as world:
            yield world
