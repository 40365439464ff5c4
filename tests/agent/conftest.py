"""A real reader service with two empty readers and a gateway, for each test anew."""

from collections.abc import AsyncIterator, Iterator

import pytest

from deploy.local.child import wait_until
from deploy.local.keys import Keys
from deploy.local.pcsc import OwnPcscd
from tests.agent.cards import cards_seen
from tests.agent.gateway import ScriptedGateway
from tests.agent.shown import Shown, x_server
from tests.fixtures.pcsc import own_pcscd


@pytest.fixture(scope="session")
def pcscd() -> OwnPcscd:
    """The service, as an earlier test left it."""
    return own_pcscd()


@pytest.fixture
def pcsc(pcscd: OwnPcscd) -> Iterator[OwnPcscd]:
    """The service, running, both readers empty and known to be."""
    _empty(pcscd)
    wait_until("the service to see that its readers are empty", lambda: cards_seen() == 0, 30)
    yield pcscd
    _empty(pcscd)


def _empty(pcsc: OwnPcscd) -> None:
    for slot in range(2):
        pcsc.remove(slot)


@pytest.fixture
async def gateway(keys: Keys) -> AsyncIterator[ScriptedGateway]:
    async with ScriptedGateway(keys) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def screen() -> Iterator[str]:
    yield from x_server()


@pytest.fixture(scope="session")
def sharp_screen() -> Iterator[str]:
    """Twice as many dots an inch as usual: a scaling of 200 %."""
    yield from x_server("-dpi", "192")


@pytest.fixture
async def shown(screen: str) -> AsyncIterator[Shown]:
    shown = Shown(screen)
    yield shown
    await shown.close()
