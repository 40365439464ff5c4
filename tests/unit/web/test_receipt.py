"""The receipt on the pages: offered at the end, in words while it is not ready, a file once it is. D1."""

import pytest

from services.runtime import errors
from services.web.domain.journey import State
from services.web.ports import Receipt, Refused
from tests.fakes.web_peers import RA, SESSION_ID, World
from tests.unit.web.conftest import Visitor
from tests.unit.web.test_profile_pages import reach_profile

READY = Receipt(17, 42, "c2sp.org/tlog-proof@v1\n")


async def unlocked(visitor: Visitor, world: World) -> None:
    await visitor.reach_card()
    world.change(state=State.SUCCESS)
    await visitor.open("/done")


async def test_D1_the_last_page_offers_a_receipt(visitor: Visitor, world: World) -> None:
    await unlocked(visitor, world)
    assert 'href="/receipt"' in visitor.page.text
    world.receipt = READY

    page = await visitor.open("/receipt")

    assert 'record <b id="place">17</b> of' in page.text
    assert ("receipt", SESSION_ID) in world.calls


async def test_D1_a_receipt_that_is_not_ready_is_told_in_words_and_gives_no_file(
    visitor: Visitor, world: World
) -> None:
    await unlocked(visitor, world)
    page = await visitor.open("/receipt")
    file = await visitor.open("/receipt/file")

    assert "Your receipt is not ready yet" in page.text
    assert "/receipt/file" not in page.text
    assert visitor.at() == "/receipt"
    assert "not ready yet" in file.text


async def test_D1_a_receipt_is_a_file_as_the_log_gave_it(visitor: Visitor, world: World) -> None:
    await unlocked(visitor, world)
    world.receipt = READY
    file = await visitor.open("/receipt/file")

    assert file.text == READY.text
    assert file.headers["content-type"] == "text/plain; charset=utf-8"
    assert file.headers["content-disposition"] == 'attachment; filename="unlock-receipt.tlog-proof"'


async def test_nobody_gets_a_receipt_of_a_session_that_is_not_theirs(visitor: Visitor, world: World) -> None:
    world.receipt = READY
    await visitor.open("/receipt/file")

    assert visitor.at() == "/"
    assert "receipt" not in world.names()


async def test_F31_an_audit_that_is_away_has_its_page(visitor: Visitor, world: World) -> None:
    await unlocked(visitor, world)
    world.failure["receipt"] = errors.unavailable()
    await visitor.open("/receipt")

    assert visitor.error_code() == "SERVICE_UNAVAILABLE"


@pytest.mark.parametrize("code", ["CARD_NOT_ACTIVE", "CERTIFICATE_EXPIRED", "NO_EMAIL", "CARD_FROZEN"])
async def test_D1_who_was_refused_gets_a_receipt_too(visitor: Visitor, world: World, code: str) -> None:
    await visitor.reach_card()
    world.refused_holder = Refused(code, RA)
    world.change(state=State.CARD_READ)
    await visitor.open("/address")
    assert 'href="/receipt"' in visitor.page.text
    world.receipt = READY

    page = await visitor.open("/receipt")
    assert "Receipt for this refusal" in page.text
    assert "you can use it now" not in page.text


async def test_D1_who_may_not_sign_in_gets_a_receipt_of_a_refusal(visitor: Visitor, world: World) -> None:
    world.refused_sign_in = Refused("CARD_FROZEN", RA)
    await reach_profile(visitor, world)
    assert 'href="/receipt"' in visitor.page.text
    world.receipt = READY

    assert "Receipt for this refusal" in (await visitor.open("/receipt")).text


async def test_D1_what_whoever_is_signed_in_is_refused_has_no_receipt(visitor: Visitor, world: World) -> None:
    await reach_profile(visitor, world)
    world.refused_holder = Refused("CARD_FROZEN", RA)
    await visitor.open("/profile")

    assert visitor.error_code() == "CARD_FROZEN"
    assert 'href="/receipt"' not in visitor.page.text


async def test_D1_a_session_that_failed_offers_its_receipt_and_a_page_without_a_session_none(
    visitor: Visitor, world: World
) -> None:
    await visitor.open("/freeze/short")
    assert 'href="/receipt"' not in visitor.page.text
    await visitor.reach_card()
    world.change(state=State.FAILED, code="CARD_UNKNOWN")
    await visitor.open("/card")

    assert visitor.at() == "/stopped"
    assert 'href="/receipt"' in visitor.page.text
