"""English now, and every text of the pages where a translator finds it."""

import re
from dataclasses import replace
from pathlib import Path

import httpx
from jinja2 import Environment
from markupsafe import escape
from starlette.types import ASGIApp

from services.web import texts
from services.web.domain.language import counted, filled, speaking, text
from services.web.routes import build_app
from services.web.sessions import CookieSealer
from services.web.visit import House
from tests.contract import page_texts
from tests.fakes.clock import FakeClock
from tests.fakes.randomness import SeededRandomness
from tests.fakes.web_peers import World
from tests.unit.web.conftest import NAMES, ORIGIN, Visitor, peers_of, web_settings
from tests.unit.web.marked import MARKED, unmarked


async def page_in_marks(app: ASGIApp) -> str:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
        return (await client.get("/")).text


async def test_the_pages_are_in_the_language_of_the_house(
    world: World, clock: FakeClock, sealer: CookieSealer, templates: Environment, tmp_path: Path
) -> None:
    house = House(peers_of(world), web_settings(tmp_path), clock, SeededRandomness(), templates)
    page = await page_in_marks(build_app(replace(house, language=MARKED), sealer))
    assert '<html lang="en-x-marked"' in page
    assert "<title>⟦⟦Unlock your smartcard⟧ – ⟦Unlock your smartcard⟧ – NHS⟧</title>" in page
    assert unmarked(page, NAMES) == []


async def test_they_are_in_english_where_no_other_is_chosen(visitor: Visitor) -> None:
    page = (await visitor.open("/")).text
    assert '<html lang="en"' in page
    assert "⟦" not in page


async def test_a_text_that_no_catalogue_has_is_found(
    world: World, clock: FakeClock, sealer: CookieSealer, templates: Environment, tmp_path: Path
) -> None:
    house = House(peers_of(world), web_settings(tmp_path), clock, SeededRandomness(), templates)
    page = await page_in_marks(build_app(replace(house, language=MARKED), sealer))
    for planted in (
        "<p>Wait here</p>",
        '<img alt="A smartcard">',
        '<p aria-label="Words"></p>',
        '<input placeholder="Name">',
        '<input type="submit" value="Send">',
        "<p>⟦Wait⟧ here</p>",
    ):
        assert len(unmarked(page.replace("<main", planted + "<main"), NAMES)) == 1, planted
    for data in (
        '<p class="app-code">Sent</p>',
        '<input value="Sent">',
        "<p>⟦Code ⟦for⟧ <b>you</b>⟧</p>",
        "<p>7</p>",
    ):
        assert unmarked(page.replace("<main", data + "<main"), NAMES) == [], data


def test_a_text_is_english_until_a_page_says_it() -> None:
    told = text("Hello %(name)s", name=text("you"))
    assert (told, str(told), f"{told}.") == ("Hello you", "Hello you", "Hello you.")
    with speaking(MARKED):
        assert told == "Hello you"
        assert escape(told) == "⟦Hello ⟦you⟧⟧"
    assert escape(told) == "Hello you"


def test_values_are_escaped_and_the_signs_of_a_text_are_too() -> None:
    assert escape(text("%(name)s & co", name="<b>")) == "&lt;b&gt; &amp; co"
    assert escape(text("100 %")) == "100 %"


def test_so_many_things_have_the_form_of_their_number() -> None:
    assert [counted("%(num)s try", "%(num)s tries", count) for count in (0, 1, 2)] == [
        "0 tries",
        "1 try",
        "2 tries",
    ]
    with speaking(MARKED):
        assert [escape(texts.tries(count)) for count in (1, 2)] == ["⟦1 try⟧", "⟦2 tries⟧"]


def test_a_value_that_is_known_later_is_filled_in() -> None:
    assert filled(texts.CODE_MALFORMED, digits=8) == "Your security code must be 8 digits long"
    assert filled(texts.CODE_DEAD, digits=8) == texts.CODE_DEAD
    assert filled("", digits=8) == ""


def test_the_template_for_translators_is_current_and_has_every_text() -> None:
    kept = page_texts.POT.read_text()
    assert kept == page_texts.pot(), "run python -m tests.contract.page_texts"
    for said in ("Unlock your smartcard", "%(num)s tries", "There is a problem", "JavaScript is off"):
        assert re.search(rf'^msgid(?:_plural)? "{re.escape(said)}"$', kept, re.MULTILINE), said
