"""A real reader service with two empty readers, for each test anew."""

from collections.abc import Iterator

import pytest

from deploy.local.pcsc import OwnPcscd
from tests.fixtures.pcsc import own_pcscd


@pytest.fixture(scope="session")
def pcscd() -> OwnPcscd:
    """The service, as an earlier test left it."""
    return own_pcscd()


@pytest.fixture
def pcsc(pcscd: OwnPcscd) -> Iterator[OwnPcscd]:
    """The service, running, both readers empty."""
    _empty(pcscd)
    yield pcscd
    _empty(pcscd)


def _empty(pcsc: OwnPcscd) -> None:
    for slot in range(2):
        pcsc.remove(slot)
