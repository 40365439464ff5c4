"""Three reasons in plain words, what the card says to them, and the pages of a change. R2, R30, R34, R51."""

from base64 import urlsafe_b64encode
from html import unescape

import pytest

from services.web.domain.journey import Reason, State
from services.web.ports import Reader, Refused
from tests.fakes.web_peers import RA, RIGHT_CODE, World
from tests.unit.web.conftest import Visitor

SEALED, CURRENT = (urlsafe_b64encode(bytes([n]) * 60).rstrip(b"=").decode() for n in (1, 2))


async def reach(visitor: Visitor, world: World, reason: Reason, **card: object) -> None:
    """Choose a reason and have the card read."""
    await visitor.open("/reason")
    await visitor.submit("/reason", reason=reason.value)
    await visitor.submit("/pair", pairing_code="K7QM2XWD4C")
    world.change(state=State.CARD_READ, reader=Reader.CARD, tries_left=3, **card)
    await visitor.open("/card")


async def reach_passcodes(visitor: Visitor, world: World, **card: object) -> None:
    await reach(visitor, world, Reason.CHANGE, **card)
    await visitor.submit("/change", words_match="yes")


async def enter_right_code(visitor: Visitor, world: World) -> None:
    await visitor.submit("/address", words_match="yes")
    await visitor.submit("/code", code=RIGHT_CODE)
    assert visitor.at() == "/passcode"


async def test_R2_the_reason_page_offers_three_in_plain_words(visitor: Visitor) -> None:
    page = await visitor.open("/reason")

    for words in ("It is locked", "I have forgotten my passcode", "I want to change my passcode"):
        assert words in page.text


async def test_R2_a_change_needs_no_code_and_sends_both_passcodes_sealed(
    visitor: Visitor, world: World
) -> None:
    await reach(visitor, world, Reason.CHANGE)
    assert visitor.at() == "/change"
    assert "3 tries" in visitor.page.text
    await visitor.submit("/change", words_match="yes")
    assert visitor.at() == "/passcode"
    assert "Your security code was right" not in visitor.page.text
    await visitor.submit("/passcode", sealed=SEALED, sealed_current=CURRENT)

    assert visitor.at() == "/working"
    assert ("change_pin", (bytes([2]) * 60, False)) in world.calls
    assert not {"issue_code", "redeem_code", "authorise"} & set(world.names())


async def test_R64_no_passcode_is_typed_before_the_words_are_confirmed(
    visitor: Visitor, world: World
) -> None:
    await reach(visitor, world, Reason.CHANGE)
    assert (await visitor.open("/passcode")).url.path == "/change"
    await visitor.submit("/change")

    assert visitor.at() == "/change"
    assert "Confirm that the unlock program" in visitor.page.text


async def test_R51_a_change_without_both_seals_is_one_without_javascript(
    visitor: Visitor, world: World
) -> None:
    await reach_passcodes(visitor, world)
    assert "JAVASCRIPT_OFF" in visitor.page.text
    await visitor.submit("/passcode", sealed=SEALED)

    assert visitor.error_code() == "JAVASCRIPT_OFF"
    assert "reset_pin" not in world.names()


async def test_a_wrong_current_passcode_is_told_with_the_tries_left_and_asked_again(
    visitor: Visitor, world: World
) -> None:
    await reach_passcodes(visitor, world)
    world.change(code="CURRENT_PIN_WRONG", tries_left=2)
    page = await visitor.open("/working")

    assert (visitor.at(), "You have 2 tries left" in page.text) == ("/passcode", True)


async def test_the_last_try_is_warned_of_before_and_forgotten_offered_instead(
    visitor: Visitor, world: World
) -> None:
    await reach_passcodes(visitor, world)
    world.change(code="CURRENT_PIN_WRONG", tries_left=1)
    await visitor.open("/working")
    assert (visitor.at(), visitor.error_code()) == ("/last-try", "LAST_TRY")

    await visitor.submit("/other-reason", reason="FORGOTTEN")
    assert visitor.at() == "/address"
    assert ("change_reason", Reason.FORGOTTEN) in world.calls


async def test_the_last_try_is_sent_as_one_only_after_the_person_said_so(
    visitor: Visitor, world: World
) -> None:
    await reach_passcodes(visitor, world, code="")
    world.change(tries_left=1)
    await visitor.open("/passcode")
    await visitor.submit("/last-try")
    assert visitor.at() == "/passcode"
    await visitor.submit("/passcode", sealed=SEALED, sealed_current=CURRENT)
    assert ("change_pin", (bytes([2]) * 60, True)) in world.calls

    world.change(state=State.CARD_READ)
    await visitor.open("/working")
    assert visitor.at() == "/last-try"  # said for one try, not for the next


async def test_R2_a_card_that_locked_goes_on_as_locked_with_one_button(
    visitor: Visitor, world: World
) -> None:
    await reach(visitor, world, Reason.CHANGE, objection="CARD_LOCKED", blocked=True)
    assert (visitor.at(), visitor.error_code()) == ("/other-reason", "CARD_LOCKED")

    await visitor.submit("/other-reason", reason="LOCKED")
    assert visitor.at() == "/address"
    assert world.view.reason is Reason.LOCKED


async def test_R2_a_card_that_is_not_locked_offers_what_fits_it(visitor: Visitor, world: World) -> None:
    await reach(visitor, world, Reason.LOCKED, objection="CARD_NOT_LOCKED")
    assert "You have 3 tries before it locks" in visitor.page.text
    await visitor.submit("/other-reason")
    assert "Select what you want to do" in visitor.page.text
    assert (await visitor.submit("/other-reason", reason="LOCKED")).status_code == 400

    await visitor.submit("/other-reason", reason="CHANGE")
    assert visitor.at() == "/change"


@pytest.mark.parametrize(
    ("reason", "objection", "way"),
    [
        (Reason.FORGOTTEN, "UNBLOCKS_ONLY_BLOCKED", "/change"),
        (Reason.CHANGE, "CHANGE_UNSUPPORTED", "/address"),
    ],
)
async def test_R2_what_a_kind_of_card_cannot_do_has_its_own_code_and_the_other_way(
    visitor: Visitor, world: World, reason: Reason, objection: str, way: str
) -> None:
    await reach(visitor, world, reason, objection=objection)
    assert (visitor.at(), visitor.error_code()) == ("/other-reason", objection)

    only = "CHANGE" if reason is Reason.FORGOTTEN else "FORGOTTEN"
    await visitor.submit("/other-reason", reason=only)
    assert visitor.at() == way


async def test_R2_a_reason_that_is_refused_ends_on_its_code(visitor: Visitor, world: World) -> None:
    await reach(visitor, world, Reason.CHANGE, objection="CARD_LOCKED", blocked=True)
    world.refused_reason = Refused("ERR1009")
    await visitor.submit("/other-reason", reason="LOCKED")

    assert visitor.error_code() == "ERR1009"


async def test_R2_forgotten_shows_the_tries_and_says_that_a_locked_card_goes_on_as_locked(
    visitor: Visitor, world: World
) -> None:
    await reach(visitor, world, Reason.FORGOTTEN)
    assert "it has 3 tries left" in visitor.page.text
    world.change(tries_left=1)
    assert "1 try left before it locks" in (await visitor.open("/address")).text

    world.change(reason=Reason.LOCKED, tries_left=0, blocked=True)
    assert "Your smartcard is locked, so a passcode" in (await visitor.open("/address")).text


async def test_R30_R34_who_has_no_address_is_nudged_while_the_card_works(
    visitor: Visitor, world: World
) -> None:
    world.nudge = "NO_EMAIL"
    await reach_passcodes(visitor, world)
    await visitor.submit("/passcode", sealed=SEALED, sealed_current=CURRENT)
    world.change(state=State.SUCCESS)

    for path in ("/done", "/"):
        assert "There is no email address on your profile" in (await visitor.open(path)).text
    assert "We send an email" not in (await visitor.open("/done")).text


async def test_R30_R34_whose_address_was_added_meanwhile_is_not_nudged_after_the_next_unlock(
    visitor: Visitor, world: World
) -> None:
    world.nudge = "NO_EMAIL"
    await reach_passcodes(visitor, world)
    world.nudge = ""
    await reach(visitor, world, Reason.FORGOTTEN)
    await enter_right_code(visitor, world)
    world.change(state=State.SUCCESS)
    page = await visitor.open("/done")

    assert "There is no email address on your profile" not in page.text
    assert "We send an email to the address on your profile" in page.text


async def test_R30_R34_whose_address_was_added_before_another_reason_was_chosen_is_not_nudged(
    visitor: Visitor, world: World
) -> None:
    world.nudge = "NO_EMAIL"
    await reach_passcodes(visitor, world)
    world.nudge = ""
    await visitor.open("/other-reason")
    await visitor.submit("/other-reason", reason="FORGOTTEN")
    await enter_right_code(visitor, world)
    world.change(state=State.SUCCESS)
    page = await visitor.open("/done")

    assert "There is no email address on your profile" not in page.text
    assert "We send an email to the address on your profile" in page.text


async def test_R30_R34_the_nudge_names_the_ra_before_the_change(visitor: Visitor, world: World) -> None:
    world.nudge = "EMAIL_DOMAIN_NOT_ALLOWED"
    await reach(visitor, world, Reason.CHANGE)

    assert RA.name in visitor.page.text
    assert "We cannot send security codes" in visitor.page.text


async def test_R5_R63_a_card_that_may_not_be_changed_is_refused_before_a_passcode_is_typed(
    visitor: Visitor, world: World
) -> None:
    world.refused_holder = Refused("CARD_FROZEN", RA)
    await reach(visitor, world, Reason.CHANGE)

    assert visitor.error_code() == "CARD_FROZEN"


async def test_R2_with_change_needs_code_a_change_goes_over_the_mailbox(
    visitor: Visitor, world: World
) -> None:
    await reach(visitor, world, Reason.CHANGE, code_needed=True)
    assert visitor.at() == "/address"
    await visitor.submit("/address", words_match="yes")
    await visitor.submit("/code", code=RIGHT_CODE)

    assert visitor.at() == "/passcode"
    assert "Your security code was right" in visitor.page.text
    assert 'id="current-passcode"' in visitor.page.text


async def test_R53_an_unknown_change_is_told_as_what_it_is(visitor: Visitor, world: World) -> None:
    await reach_passcodes(visitor, world)
    world.change(code="OUTCOME_UNKNOWN")
    page = await visitor.open("/passcode")

    assert "either the passcode you had or the new one" in unescape(page.text)
