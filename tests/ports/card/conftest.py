from collections.abc import Iterator

import pytest

from tests.ports.card.real_reader import RealReader


@pytest.fixture(scope="session")
def real_reader() -> Iterator[RealReader]:
    with RealReader() as reader:
        yield reader
