"""Passcodes typed at the agent: the page asks for none, says where they are typed, and needs no script."""

import pytest

from services.web.domain.journey import Reason, State
from services.web.ports import Reader
from tests.fakes.web_peers import RIGHT_CODE, World
from tests.unit.web.conftest import Visitor
from tests.unit.web.test_reasons import CURRENT, SEALED, reach, reach_passcodes

FIELDS = ('type="password"', 'name="sealed', "passcode-form", "data-agent-key")


@pytest.fixture
def at_agent(world: World) -> World:
    world.change(pin_at_agent=True)
    return world


async def reach_passcode(visitor: Visitor, world: World) -> None:
    await reach(visitor, world, Reason.LOCKED)
    await visitor.submit("/address", words_match="yes")
    await visitor.submit("/code", code=RIGHT_CODE)
    assert visitor.at() == "/passcode"


def shows_no_field(text: str) -> bool:
    return not any(mark in text for mark in FIELDS) and "JAVASCRIPT_OFF" not in text


async def test_R51_the_page_has_no_field_and_posts_no_more_than_a_yes(
    visitor: Visitor, at_agent: World
) -> None:
    await reach_passcode(visitor, at_agent)
    assert shows_no_field(visitor.page.text)
    assert "asks for it in its own window" in visitor.page.text
    assert "amber" in visitor.page.text
    await visitor.submit("/passcode")

    assert visitor.at() == "/working"
    assert [sealed for _, sealed in at_agent.resets()] == [b""]
    at_agent.change(state=State.PROVING, reader=Reader.CARD)
    assert "Type your passcode in the unlock program" in (await visitor.open("/working")).text


async def test_R2_a_change_says_that_both_are_typed_there(visitor: Visitor, at_agent: World) -> None:
    await reach_passcodes(visitor, at_agent)
    assert shows_no_field(visitor.page.text)
    assert "asks for the passcode that your smartcard has now" in visitor.page.text
    assert "3 tries" in visitor.page.text
    await visitor.submit("/passcode")

    assert [sealed for _, sealed in at_agent.resets()] == [b""]
    at_agent.change(state=State.PROVING, reader=Reader.CARD)
    assert "your current and your new passcode" in (await visitor.open("/working")).text


async def test_what_an_older_page_sealed_is_not_passed_on(visitor: Visitor, at_agent: World) -> None:
    await reach_passcodes(visitor, at_agent)
    await visitor.submit("/passcode", sealed=SEALED, sealed_current=CURRENT)

    assert visitor.at() == "/passcode"
    assert "reset_pin" not in at_agent.names()


async def test_why_it_did_not_take_is_told_above_and_it_may_be_tried_again(
    visitor: Visitor, at_agent: World
) -> None:
    await reach_passcode(visitor, at_agent)
    await visitor.submit("/passcode")
    at_agent.change(state=State.AUTHORISED, code="DECLINED")

    page = await visitor.open("/passcode")
    assert "You did not agree on your workstation" in page.text
    await visitor.submit("/passcode")
    assert visitor.at() == "/working"
    assert len(at_agent.resets()) == 2
