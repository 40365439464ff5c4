"""The RA's desk: who may be here, finding a holder, and the holder's page. R7, R25."""

from dataclasses import replace

import pytest

from services.runtime import errors
from services.web.ports import FoundHolders, Refused
from tests.fakes.web_peers import HOLDER_REF, RA, RA_PROFILE, World
from tests.unit.web.conftest import Visitor
from tests.unit.web.test_profile_pages import reach_profile

PAGES = ["/ra", f"/ra/holders/{HOLDER_REF}"]


async def reach_desk(visitor: Visitor, world: World) -> None:
    world.profile = RA_PROFILE
    await reach_profile(visitor, world)
    await visitor.open("/ra")


async def test_R7_an_ra_signs_in_finds_a_holder_and_sees_the_cards(visitor: Visitor, world: World) -> None:
    await reach_desk(visitor, world)
    await visitor.submit("/ra", holder=" two ")
    assert ("find_holders", ("profile-grant", "two")) in world.calls
    assert f'href="/ra/holders/{HOLDER_REF}"' in visitor.page.text
    await visitor.open(f"/ra/holders/{HOLDER_REF}")

    for words in ("Test Holder Two", "test-holder-0002", "In use", "Reported lost"):
        assert words in visitor.page.text
    assert visitor.error_code() == "NO_EMAIL"


async def test_R25_the_profile_leads_an_ra_to_the_desk_and_nobody_else(
    visitor: Visitor, world: World
) -> None:
    await reach_profile(visitor, world)
    assert 'href="/ra"' not in visitor.page.text
    world.profile = RA_PROFILE
    await visitor.open("/profile")

    assert 'href="/ra"' in visitor.page.text


@pytest.mark.parametrize("path", PAGES)
async def test_R25_whoever_is_not_signed_in_is_led_to_the_sign_in(visitor: Visitor, path: str) -> None:
    await visitor.open(path)

    assert visitor.at() == "/sign-in"


@pytest.mark.parametrize("path", PAGES)
async def test_R25_a_holder_who_is_no_ra_is_told_so_and_sees_nobody(
    visitor: Visitor, world: World, path: str
) -> None:
    await reach_profile(visitor, world)
    page = await visitor.open(path)

    assert (page.status_code, visitor.error_code()) == (403, "RA_ONLY")
    assert {"holder", "find_holders"}.isdisjoint(world.names())
    assert "Test Holder Two" not in page.text


async def test_R25_a_holder_of_another_organisation_is_one_who_is_not_there(
    visitor: Visitor, world: World
) -> None:
    await reach_desk(visitor, world)
    world.refused_desk = Refused("HOLDER_NOT_FOUND")
    page = await visitor.open(f"/ra/holders/{HOLDER_REF}")
    other = await visitor.open("/ra/holders/short")

    assert (page.status_code, other.status_code, visitor.error_code()) == (404, 404, "HOLDER_NOT_FOUND")


@pytest.mark.parametrize(
    ("typed", "sentence"), [(" ", "Enter a name"), ("x" * 101, "100 characters or fewer")]
)
async def test_R7_a_search_for_nothing_or_too_much_asks_nobody(
    visitor: Visitor, world: World, typed: str, sentence: str
) -> None:
    await reach_desk(visitor, world)
    page = await visitor.submit("/ra", holder=typed)

    assert (page.status_code, sentence in page.text) == (400, True)
    assert "find_holders" not in world.names()


async def test_R7_who_is_not_found_and_who_is_one_of_many_is_told_what_to_do(
    visitor: Visitor, world: World
) -> None:
    await reach_desk(visitor, world)
    world.found_holders = replace(world.found_holders, more=True)
    assert "More holders fit" in (await visitor.submit("/ra", holder="t")).text
    world.found_holders = FoundHolders(())

    assert "No holder of your organisation fits" in (await visitor.submit("/ra", holder="t")).text


async def test_R63_an_ra_whose_card_was_stopped_is_told_why(visitor: Visitor, world: World) -> None:
    await reach_desk(visitor, world)
    world.refused_desk = Refused("CARD_FROZEN", RA)
    await visitor.submit("/ra", holder="two")

    assert visitor.error_code() == "CARD_FROZEN"


async def test_R25_a_sign_in_that_is_over_is_told(visitor: Visitor, world: World) -> None:
    await reach_desk(visitor, world)
    world.failure["find_holders"] = errors.unauthenticated("GRANT_REFUSED")
    await visitor.submit("/ra", holder="two")

    assert visitor.error_code() == "SIGNED_OUT"
