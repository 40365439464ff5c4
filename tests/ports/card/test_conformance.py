"""The shared conformance list, on the card model and on the same card behind the real PC/SC service."""

from typing import Protocol

import pytest

from deploy.local.virtual_card import FaultyCard, InProcessCard, VirtualCard, make_card
from services.card_gateway.card.apdu import CardPort
from tests.ports.card.conformance import BAD, CHAPTERS, NEW, PIN, PUK, Chapter
from tests.ports.card.real_reader import RealReader


class Maker(Protocol):
    """Puts a fresh card into a reader."""

    def __call__(self, *, blocked: bool) -> CardPort: ...


def in_process(*, blocked: bool) -> CardPort:
    eeprom, _ = make_card(pin=PIN, puk=PUK, blocked=blocked)
    return InProcessCard(FaultyCard(VirtualCard(eeprom)))


@pytest.fixture(params=["in-process", pytest.param("pcsc", marks=pytest.mark.pcsc)])
def maker(request: pytest.FixtureRequest) -> Maker:
    if request.param == "in-process":
        return in_process
    reader: RealReader = request.getfixturevalue("real_reader")
    return lambda *, blocked: reader.fresh_card(pin=PIN, puk=PUK, blocked=blocked)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_a_card_answers_as_measured_ones_do(chapter: Chapter, maker: Maker) -> None:
    card = maker(blocked=chapter.blocked)
    for apdu, allowed in chapter.lines:
        _, sw = card.transmit(filled(apdu))

        assert any(matches(sw, pattern) for pattern in allowed.split()), f"{apdu} → {sw:04X}, not {allowed}"


def filled(apdu: str) -> bytes:
    references = {"pin": PIN, "puk": PUK, "new": NEW, "bad": BAD}
    padded = {name: value.encode().ljust(8, b"\xff").hex() for name, value in references.items()}
    return bytes.fromhex(apdu.format(**padded))


def matches(sw: int, pattern: str) -> bool:
    return all(wanted in ("X", seen) for seen, wanted in zip(f"{sw:04X}", pattern, strict=True))


def test_a_list_that_allowed_anything_would_not_pass() -> None:
    assert not matches(0x6982, "63CX")
    assert matches(0x63C2, "63CX")
