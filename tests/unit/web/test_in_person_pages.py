"""An RA unlocks a card in person: cards are swapped, the RA vouches, the holder chooses a passcode. R36."""

from html import unescape

import pytest

from services.runtime import errors
from services.web.domain.journey import Reason, State
from services.web.ports import Reader, Refused
from tests.fakes.web_peers import ADDRESS_TOKEN, PAIRING_CODE, RA, RA_PROFILE, World
from tests.unit.web.conftest import Visitor
from tests.unit.web.test_profile_pages import reach_profile

BEGIN, VOUCH = "/ra/in-person", "/ra/in-person/vouch"


async def reach_form(visitor: Visitor, world: World) -> None:
    world.profile = RA_PROFILE
    await reach_profile(visitor, world)
    await visitor.open(BEGIN)


async def begin(visitor: Visitor, world: World, reason: str = "LOCKED") -> None:
    await reach_form(visitor, world)
    world.change(state=State.ATTACHED, card_grant="card-grant-of-holder", tries_left=None)
    await visitor.submit(BEGIN, reason=reason, pairing_code=PAIRING_CODE)


async def reach_vouch(visitor: Visitor, world: World) -> None:
    await begin(visitor, world)
    world.change(state=State.CARD_READ, reader=Reader.CARD, blocked=True)
    await visitor.open("/card")


async def vouch(visitor: Visitor, basis: str = "PHOTO_ID") -> None:
    await visitor.submit(VOUCH, basis=basis, words_match="yes")


async def test_R36_the_ra_swaps_the_cards_and_vouches_and_no_lock_of_codes_is_asked_after(
    visitor: Visitor, world: World
) -> None:
    await reach_vouch(visitor, world)
    assert visitor.at() == VOUCH
    assert world.ra_at_start == "profile-grant"
    for words in ("Test Holder Two", "T01", "4F2A", "amber", "you vouch for the holder"):
        assert words in visitor.page.text
    await vouch(visitor)

    assert visitor.at() == "/passcode"
    assert ("vouch", ("profile-grant", "card-grant-of-holder", "PHOTO_ID")) in world.calls
    assert ("authorise", "unlock-grant-of-ra") in world.calls
    assert {"issue_code", "code_status", "redeem_code"}.isdisjoint(world.names())


async def test_R36_whoever_types_the_passcode_has_no_sign_in_of_an_ra(visitor: Visitor, world: World) -> None:
    await reach_vouch(visitor, world)
    await vouch(visitor)
    text = unescape(visitor.page.text)
    assert "let the holder type, and look away. You are signed out already" in text
    assert "Your security code was right" not in text

    for path in ("/ra", BEGIN):
        assert (await visitor.open(path)).url.path == "/sign-in"
    assert (await visitor.open("/profile/contact")).url.path == "/passcode"


async def test_R36_the_ra_is_signed_out_too_where_the_answer_to_their_word_was_lost(
    visitor: Visitor, world: World
) -> None:
    await reach_vouch(visitor, world)
    world.failure["authorise"] = errors.unavailable()
    await vouch(visitor)
    assert visitor.error_code() == "SERVICE_UNAVAILABLE"
    world.change(state=State.AUTHORISED)
    assert (await visitor.open(VOUCH)).url.path == "/passcode"

    assert (await visitor.open("/ra")).url.path == "/sign-in"


async def test_R36_a_form_sent_again_while_the_next_page_is_on_its_way_leads_on(
    visitor: Visitor, world: World
) -> None:
    await reach_form(visitor, world)
    form = visitor.page.text
    for _ in range(2):
        await visitor.submit(BEGIN, page=form, reason="LOCKED", pairing_code=PAIRING_CODE)
        world.change(state=State.ATTACHED)

    assert visitor.at() == "/card"


async def test_R36_the_last_page_names_the_vouch_and_the_lock_that_stays(
    visitor: Visitor, world: World
) -> None:
    await reach_vouch(visitor, world)
    await vouch(visitor)
    world.change(state=State.SUCCESS)
    await visitor.open("/done")

    for words in ("vouched for the holder", "that lock stays", "/receipt"):
        assert words in visitor.page.text


async def test_R30_R36_whoever_stands_at_the_desk_is_not_nudged_to_sign_in_there(
    visitor: Visitor, world: World
) -> None:
    world.nudge = "NO_EMAIL"
    await reach_vouch(visitor, world)
    await vouch(visitor)
    world.change(state=State.SUCCESS)
    await visitor.open("/done")
    assert "If there is an email address on the profile" in visitor.page.text

    for path in ("/done", "/"):
        assert "Add your work email address" not in (await visitor.open(path)).text


async def test_R36_whoever_is_no_ra_is_told_so(visitor: Visitor, world: World) -> None:
    await reach_profile(visitor, world)
    page = await visitor.open(BEGIN)
    assert (page.status_code, visitor.error_code()) == (403, "RA_ONLY")
    world.profile = RA_PROFILE
    await visitor.open("/ra")
    assert f'href="{BEGIN}"' in visitor.page.text


async def test_R36_nobody_begins_without_signing_in(visitor: Visitor, world: World) -> None:
    await visitor.open(BEGIN)

    assert visitor.at() == "/sign-in"


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"pairing_code": PAIRING_CODE}, "Select why the holder needs a new passcode"),
        ({"reason": "CHANGE", "pairing_code": PAIRING_CODE}, "Select why the holder needs a new passcode"),
        ({"reason": "SIGN_IN", "pairing_code": PAIRING_CODE}, "Select why the holder needs a new passcode"),
        ({"reason": "LOCKED"}, "Enter the 10 characters"),
        ({"reason": "LOCKED", "pairing_code": "ABC"}, "Enter the 10 characters"),
        ({"reason": "LOCKED", "pairing_code": "ABCDEFGHJK"}, "That code does not work"),
    ],
)
async def test_R36_what_is_missing_or_wrong_is_said_and_the_ra_stays_signed_in(
    visitor: Visitor, world: World, typed: dict[str, str], told: str
) -> None:
    await reach_form(visitor, world)
    page = await visitor.submit(BEGIN, **typed)

    assert (page.status_code, visitor.at()) == (400, BEGIN)
    assert told in page.text
    await visitor.submit(BEGIN, reason="FORGOTTEN", pairing_code=PAIRING_CODE)
    assert world.view.reason is Reason.FORGOTTEN


async def test_R36_all_that_is_missing_is_said_at_once(visitor: Visitor, world: World) -> None:
    await reach_form(visitor, world)
    text = (await visitor.submit(BEGIN)).text
    for words in ("Select why the holder needs a new passcode", "Enter the 10 characters"):
        assert text.count(words) == 2


@pytest.mark.parametrize(("basis", "words"), [("", "yes"), ("FRIEND", "yes"), ("KNOWN", ""), ("", "")])
async def test_R36_no_word_is_taken_before_both_questions_are_answered(
    visitor: Visitor, world: World, basis: str, words: str
) -> None:
    await reach_vouch(visitor, world)
    page = await visitor.submit(VOUCH, basis=basis, words_match=words)

    assert page.status_code == 400
    assert "vouch" not in world.names()


@pytest.mark.parametrize("code", ["OWN_CARD", "OTHER_ORGANISATION", "CARD_FROZEN", "CARD_NOT_ACTIVE"])
async def test_R36_a_refusal_ends_the_way_before_any_word(visitor: Visitor, world: World, code: str) -> None:
    world.refused_person = Refused(code, RA)
    await reach_vouch(visitor, world)

    assert visitor.error_code() == code
    assert "vouch" not in world.names()


async def test_R36_with_their_own_card_still_in_the_reader_an_ra_begins_again(
    visitor: Visitor, world: World
) -> None:
    world.refused_person = Refused("OWN_CARD", RA)
    await begin(visitor, world)
    world.change(state=State.CARD_READ, reader=Reader.CARD, objection="CARD_NOT_LOCKED", tries_left=3)
    await visitor.open("/card")
    assert visitor.error_code() == "OWN_CARD"
    assert f'href="{BEGIN}"' in visitor.page.text
    world.refused_person = None
    await visitor.open(BEGIN)

    assert visitor.at() == BEGIN


@pytest.mark.parametrize("call", ["person", "vouch"])
async def test_R36_a_sign_in_that_ends_meanwhile_says_what_to_do(
    visitor: Visitor, world: World, call: str
) -> None:
    await reach_vouch(visitor, world)
    world.failure[call] = errors.unauthenticated("GRANT_REFUSED")
    await vouch(visitor)
    assert visitor.error_code() == "VOUCH_TOO_LATE"
    assert "authorise" not in world.names()
    world.failure.clear()
    await visitor.open(VOUCH)

    assert visitor.error_code() == "VOUCH_TOO_LATE"


async def test_R36_a_sign_in_that_ended_before_the_cards_were_swapped_says_so(
    visitor: Visitor, world: World
) -> None:
    await reach_form(visitor, world)
    world.refused_start = Refused("GRANT_REFUSED")
    await visitor.submit(BEGIN, reason="LOCKED", pairing_code=PAIRING_CODE)

    assert visitor.error_code() == "VOUCH_TOO_LATE"


async def test_R36_too_many_guesses_of_the_code_stop(visitor: Visitor, world: World) -> None:
    await reach_form(visitor, world)
    world.refused_start = Refused("TOO_MANY_GUESSES")
    page = await visitor.submit(BEGIN, reason="LOCKED", pairing_code=PAIRING_CODE)

    assert (page.status_code, visitor.error_code()) == (429, "TOO_MANY_GUESSES")


@pytest.mark.parametrize("path", ["/address", "/code", "/change"])
async def test_R36_no_page_of_a_code_or_a_change_belongs_here(
    visitor: Visitor, world: World, path: str
) -> None:
    await reach_vouch(visitor, world)
    await visitor.open(path)

    assert visitor.at() == VOUCH


async def test_R36_of_a_card_that_is_not_locked_the_other_reason_is_offered_without_a_change(
    visitor: Visitor, world: World
) -> None:
    await begin(visitor, world)
    world.change(state=State.CARD_READ, reader=Reader.CARD, objection="CARD_NOT_LOCKED", tries_left=2)
    await visitor.open("/card")
    assert visitor.at() == "/other-reason"
    assert "You vouch for the holder" in visitor.page.text
    refused = await visitor.submit("/other-reason", reason="CHANGE")
    assert refused.status_code == 400
    await visitor.submit("/other-reason", reason="FORGOTTEN")

    assert visitor.at() == VOUCH


async def test_R36_where_only_a_change_would_do_the_way_ends(visitor: Visitor, world: World) -> None:
    await begin(visitor, world, "FORGOTTEN")
    world.change(state=State.CARD_READ, reader=Reader.CARD, objection="UNBLOCKS_ONLY_BLOCKED")
    await visitor.open("/card")

    assert visitor.error_code() == "UNBLOCKS_ONLY_BLOCKED"


async def test_the_agents_link_signs_an_ra_out(visitor: Visitor, world: World) -> None:
    await reach_form(visitor, world)
    await visitor.open(f"/open/{ADDRESS_TOKEN}")

    assert (await visitor.open(BEGIN)).url.path == "/sign-in"
