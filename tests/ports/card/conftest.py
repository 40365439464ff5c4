from collections.abc import Iterator

import pytest

from tests.ports.card.real_reader import RealReader


@pytest.fixture(scope="module")
def real_reader() -> Iterator[RealReader]:
    reader = RealReader()
    yield reader
    reader.empty()
