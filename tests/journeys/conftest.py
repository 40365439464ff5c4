"""Running stacks for the journeys."""

from collections.abc import Iterator
from itertools import count

import pytest

from deploy.local.demo_data import PLANS, Plan
from deploy.local.keys import Keys
from deploy.local.stack import Stack

SPARES = tuple(Plan(f"spare-{number}", "Blocked card", "SUCCESS") for number in range(1, 41))
"""Blocked and eligible: one for each test that needs a card of its own."""
WORKING = tuple(
    Plan(f"working-{number}", "Working card", "SUCCESS", blocked=False) for number in (1, 2, 3, 4)
)
"""Not blocked: to be changed, or for who has forgotten."""
_next_spare = count(1)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[Stack]:
    """One stack for all tests of a module; they leave it as they found it."""
    with Stack(tmp_path_factory.mktemp("stack"), keys, plans=PLANS + SPARES + WORKING) as running:
        yield running


@pytest.fixture
def spare() -> str:
    """The name of a blocked card that nobody used yet."""
    return f"spare-{next(_next_spare)}"


@pytest.fixture(autouse=True)
def _empty_reader(request: pytest.FixtureRequest) -> Iterator[None]:
    """Both slots are empty after each test that used the shared stack."""
    yield
    if "stack" in request.fixturenames:
        running: Stack = request.getfixturevalue("stack")
        for slot in (0, 1):
            running.slots.remove(slot)
