from collections.abc import AsyncIterator

import pytest

from deploy.local.keys import Keys
from tests.ports.card_gateway.world import World, sqlite_world


@pytest.fixture
async def world(keys: Keys) -> AsyncIterator[World]:
    async with sqlite_world(keys) as world:
        yield world
