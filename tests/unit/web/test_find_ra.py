"""Find your Registration Authority: no login, no JavaScript, and a link wherever we say to contact one."""

import re

import pytest

from services.runtime import errors
from services.web.domain.entry import Ask
from services.web.domain.errors import CATALOGUE
from services.web.domain.journey import State
from services.web.ports import FoundAuthorities, Reader, Refused, RegistrationAuthority
from services.web.search_limit import SEARCHES
from tests.fakes.web_peers import RA, World
from tests.unit.web.conftest import Visitor

OF_AN_RA = [entry.code for entry in CATALOGUE.values() if entry.ask is Ask.RA]


def main_part(html: str) -> str:
    """What stands between header and footer: the footer's links are on every page."""
    return re.sub(r"<(header|footer).*?</\1>", "", html, flags=re.S)


async def search(visitor: Visitor, typed: str) -> str:
    return (await visitor.client.get("/find-ra", params={"organisation": typed})).text


async def test_R37_an_organisation_is_found_without_login_with_how_to_reach_its_ra(
    visitor: Visitor, world: World
) -> None:
    text = await search(visitor, "tset trsut")

    assert all(part in text for part in (RA.name, RA.telephone, RA.email, RA.opening_hours, "(T01)"))
    assert ("find_ra", "tset trsut") in world.calls


async def test_R37_nothing_is_searched_before_something_was_typed(visitor: Visitor, world: World) -> None:
    first = await visitor.open("/find-ra")
    empty = await visitor.open("/find-ra?organisation=%20")
    long = await visitor.open(f"/find-ra?organisation={'x' * 101}")

    assert [first.status_code, empty.status_code, long.status_code] == [200, 400, 400]
    assert "Enter the name or code of your organisation" in empty.text
    assert "100 characters or fewer" in long.text
    assert world.calls == []


async def test_R37_when_nothing_fits_the_page_says_what_to_do(visitor: Visitor, world: World) -> None:
    world.found = FoundAuthorities(())

    text = await search(visitor, "<b>nothing</b>")

    assert "No organisation fits ‘&lt;b&gt;nothing&lt;/b&gt;’" in text
    assert "ask your manager or your IT service desk" in text


async def test_R37_an_organisation_without_a_contact_says_so(visitor: Visitor, world: World) -> None:
    world.found = FoundAuthorities((RegistrationAuthority("Quiet Clinic", organisation="Q1"),), more=True)

    text = await search(visitor, "clinic")

    assert "We do not know how to reach this team" in text
    assert "Add a word" in text


async def test_R37_who_came_with_a_card_sees_their_own_ra_first(visitor: Visitor, world: World) -> None:
    await visitor.reach_card()
    world.change(state=State.CARD_READ, reader=Reader.CARD)

    text = (await visitor.open("/find-ra")).text

    assert text.index(RA.telephone) < text.index("Another organisation") < text.index('name="organisation"')


async def test_R37_a_session_that_nobody_can_tell_of_does_not_stop_the_search(
    visitor: Visitor, world: World
) -> None:
    await visitor.reach_card()
    world.failure["get_session"] = errors.unavailable()

    assert (await visitor.open("/find-ra?organisation=test")).status_code == 200


async def test_R37_one_network_cannot_keep_the_search_busy(visitor: Visitor, world: World) -> None:
    for _ in range(SEARCHES.amount):
        assert (await visitor.open("/find-ra?organisation=test")).status_code == 200
    await visitor.open("/find-ra?organisation=test")

    assert (visitor.page.status_code, visitor.error_code()) == (429, "TOO_MANY_SEARCHES")
    assert world.names().count("find_ra") == SEARCHES.amount


@pytest.mark.parametrize("code", OF_AN_RA)
async def test_R37_every_refusal_that_names_the_ra_leads_to_the_search(
    visitor: Visitor, world: World, code: str
) -> None:
    await visitor.reach_card()
    world.change(state=State.CARD_READ, reader=Reader.CARD)
    world.refused_holder = Refused(code, RA)

    refusal = main_part((await visitor.open("/address")).text)
    explained = main_part((await visitor.open(f"/help/errors/{code}")).text)

    assert refusal.index(RA.telephone) < refusal.index('href="/find-ra"')
    assert 'href="/find-ra"' in explained


async def test_R37_the_start_page_leads_to_the_search(visitor: Visitor) -> None:
    assert 'href="/find-ra"' in main_part((await visitor.open("/")).text)
