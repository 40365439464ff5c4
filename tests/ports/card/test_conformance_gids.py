"""The conformance list of minidriver cards, on the model and on the same card behind real PC/SC."""

import secrets
from collections.abc import Callable

import pytest

from deploy.local.virtual_card import FaultyCard, InProcessCard, card_of, make_gids_card
from services.card_gateway import admin_key
from services.card_gateway.card.apdu import CardPort
from tests.ports.card.conformance import BAD, NEW, PIN, Chapter
from tests.ports.card.conformance_gids import CHAPTERS
from tests.ports.card.real_reader import RealReader
from tests.ports.card.test_conformance import matches

KEY = bytes(range(24))
OURS = bytes.fromhex("A5" * 16)
Maker = Callable[[bool], CardPort]


@pytest.fixture(params=["in-process", pytest.param("pcsc", marks=pytest.mark.pcsc)])
def maker(request: pytest.FixtureRequest) -> Maker:
    if request.param == "in-process":
        return lambda blocked: InProcessCard(
            FaultyCard(card_of(make_gids_card(pin=PIN, admin_key=KEY, blocked=blocked)[0]))
        )
    reader: RealReader = request.getfixturevalue("real_reader")
    return lambda blocked: reader.fresh_card(kind="GIDS", pin=PIN, admin_key=KEY, blocked=blocked)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_a_minidriver_card_answers_as_the_measured_one_does(chapter: Chapter, maker: Maker) -> None:
    card = maker(chapter.blocked)
    theirs = b""
    for line, allowed in chapter.lines:
        apdu = filled(line, theirs)
        answer, sw = card.transmit(apdu)
        if apdu[1] == 0x87 and answer[2:3] == b"\x81":
            theirs = answer[4:]

        assert any(matches(sw, pattern) for pattern in allowed.split()), f"{line} → {sw:04X}, not {allowed}"


def filled(line: str, theirs: bytes) -> bytes:
    pins = {name: value.encode().hex() for name, value in {"pin": PIN, "new": NEW, "bad": BAD[:6]}.items()}
    answers = {"right": answer(KEY, theirs).hex(), "wrong": answer(KEY[::-1], theirs).hex()}
    return bytes.fromhex(line.format(**pins, **answers))


def answer(key: bytes, theirs: bytes) -> bytes:
    """The APDU that answers a challenge of 8 bytes (external) or 16 (mutual)."""
    mutual = len(theirs) == 16
    plain = theirs + OURS + secrets.token_bytes(7) + b"\x80" if mutual else theirs
    inner = admin_key.encipher(key, plain)
    data = bytes([0x7C, len(inner) + 2, 0x82, len(inner)]) + inner
    return bytes([0x00, 0x87, 0x00, 0x00, len(data)]) + data + (b"\x00" if mutual else b"")
