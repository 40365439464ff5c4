"""An address that waits for a second RA, on pages: proposed, seen, confirmed, declined. R7, R25."""

from dataclasses import replace
from html import unescape

import pytest

from services.web.domain.journey import State
from services.web.ports import AddressSet, FrozenCard, Reader, Refused, Waiting
from tests.fakes.web_peers import HOLDER, HOLDER_REF, NOW, PROPOSAL, RA, World
from tests.unit.web.conftest import Visitor
from tests.unit.web.test_ra_desk_pages import reach_desk

AT = f"/ra/holders/{HOLDER_REF}"
PAGE, DECLINE = f"{AT}/proposal", f"{AT}/proposal/decline"
WAITS = replace(PROPOSAL, note="<b>request 7</b>")
MINE = replace(WAITS, proposed_by="Test Registrar", proposed_by_oneself=True)


async def test_R7_R25_an_ra_is_told_that_an_address_waits_for_a_colleague(
    visitor: Visitor, world: World
) -> None:
    await reach_desk(visitor, world)
    world.address_set = AddressSet(waits=True)
    await visitor.open(f"{AT}/address")
    page = await visitor.submit(f"{AT}/address", email="new@example.org", reason="NO_ADDRESS")

    assert "The email address waits for a colleague" in page.text
    assert "counts at once" not in page.text


async def test_R25_a_colleague_finds_it_on_the_desk_sees_all_of_it_and_confirms(
    visitor: Visitor, world: World
) -> None:
    world.waiting, world.record = Waiting((WAITS,)), replace(HOLDER, proposal=WAITS)
    await reach_desk(visitor, world)
    assert f'href="{PAGE}"' in visitor.page.text
    assert "waits until 22 November 2026, 10:00" in visitor.page.text
    assert f'href="{PAGE}"' in (await visitor.open(AT)).text
    page = await visitor.open(PAGE)
    for words in (
        "test-holder-0002@example.org",
        "Test Colleague",
        "There was no address",
        "&lt;b&gt;request",
    ):
        assert words in page.text
    page = await visitor.submit(PAGE, proposal=WAITS.proposal_id)

    assert ("confirm_address", ("profile-grant", HOLDER_REF, WAITS.proposal_id)) in world.calls
    assert "The email address is set" in page.text


async def test_R25_nobody_is_offered_to_confirm_their_own(visitor: Visitor, world: World) -> None:
    world.waiting, world.record = Waiting((MINE,)), replace(HOLDER, proposal=MINE)
    await reach_desk(visitor, world)
    assert "proposed by you" in visitor.page.text
    page = await visitor.open(PAGE)

    assert ("Confirm the address" in page.text, "Withdraw it" in page.text) == (False, True)


async def test_R25_an_address_is_declined_with_a_reason(visitor: Visitor, world: World) -> None:
    world.record = replace(HOLDER, proposal=WAITS)
    await reach_desk(visitor, world)
    await visitor.open(DECLINE)
    page = await visitor.submit(DECLINE, proposal=WAITS.proposal_id)
    assert (page.status_code, visitor.error_code()) == (400, "REASON_MISSING")
    page = await visitor.submit(DECLINE, proposal=WAITS.proposal_id, reason="ADDRESS_WRONG", note="no")

    assert ("decline_address", (HOLDER_REF, WAITS.proposal_id, "ADDRESS_WRONG", "no")) in world.calls
    assert "The email address is declined" in page.text


@pytest.mark.parametrize("code", ["OWN_PROPOSAL", "PROPOSAL_GONE", "RA_DAILY_LIMIT"])
async def test_R25_each_refusal_of_a_confirmation_has_its_page(
    visitor: Visitor, world: World, code: str
) -> None:
    world.record = replace(HOLDER, proposal=WAITS)
    await reach_desk(visitor, world)
    await visitor.open(PAGE)
    world.refused_act = Refused(code)
    await visitor.submit(PAGE, proposal=WAITS.proposal_id)

    assert visitor.error_code() == code


@pytest.mark.parametrize("path", [PAGE, DECLINE])
async def test_R25_what_does_not_wait_any_more_is_told(visitor: Visitor, world: World, path: str) -> None:
    await reach_desk(visitor, world)
    await visitor.open(path)
    assert visitor.error_code() == "PROPOSAL_GONE"
    world.record = replace(HOLDER, proposal=WAITS, oneself=True)
    page = await visitor.open(path)

    assert (page.status_code, visitor.error_code()) == (403, "OWN_PROFILE")


async def test_R7_R25_until_then_the_holder_reads_whom_to_ask(visitor: Visitor, world: World) -> None:
    world.refused_holder = Refused("ADDRESS_WAITS", RA)
    await visitor.reach_card()
    world.change(state=State.CARD_READ, reader=Reader.CARD)
    await visitor.open("/address")
    text = unescape(visitor.page.text)

    assert visitor.error_code() == "ADDRESS_WAITS"
    for words in ("ask them to confirm it", RA.name, RA.telephone, "Try again"):
        assert words in text


async def test_R64_the_desk_lists_smartcards_that_their_holders_froze(visitor: Visitor, world: World) -> None:
    world.waiting = Waiting(frozen=(FrozenCard(HOLDER_REF, "Test Holder Two", "c2" * 16, NOW),))
    await reach_desk(visitor, world)

    assert "smartcard c2c2c2c2, frozen by the holder since 21 November 2026, 10:00" in visitor.page.text
    assert f'href="{AT}"' in visitor.page.text


async def test_R63_a_desk_of_an_ra_whose_card_was_stopped_says_so(visitor: Visitor, world: World) -> None:
    world.refused_desk = Refused("CARD_FROZEN", RA)
    await reach_desk(visitor, world)

    assert visitor.error_code() == "CARD_FROZEN"
