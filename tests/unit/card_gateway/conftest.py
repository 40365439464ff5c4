from collections.abc import AsyncIterator

import pytest

from deploy.local.keys import Keys
from tests.ports.card_gateway.world import World, memory_world


@pytest.fixture
async def world(keys: Keys) -> AsyncIterator[World]:
    async with memory_world(keys) as world:
        yield world
