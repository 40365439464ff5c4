"""Signing in by card, and the profile: what is shown, refused, and sent on. R30 to R34, R40, R56."""

from base64 import urlsafe_b64encode
from dataclasses import replace
from html import unescape

import pytest

from services.runtime import errors
from services.web.domain.journey import State
from services.web.ports import ContactRefused, Reader, Refused
from tests.fakes.clock import FakeClock
from tests.fakes.web_peers import PAIRING_CODE, RA, World
from tests.unit.web.conftest import Visitor

SEALED = urlsafe_b64encode(bytes([3]) * 60).rstrip(b"=").decode()


async def reach_words(visitor: Visitor, world: World, **card: object) -> None:
    """Ask to sign in and have the card read."""
    await visitor.open("/sign-in")
    await visitor.submit("/sign-in")
    await visitor.submit("/pair", pairing_code="K7QM2XWD4C")
    world.change(state=State.CARD_READ, reader=Reader.CARD, **({"tries_left": 3} | card))
    await visitor.open("/card")


async def reach_passcode(visitor: Visitor, world: World, **card: object) -> None:
    await reach_words(visitor, world, **card)
    await visitor.submit("/sign-in/words", words_match="yes")


async def reach_profile(visitor: Visitor, world: World) -> None:
    await reach_passcode(visitor, world)
    await visitor.submit("/sign-in/passcode", sealed_current=SEALED)
    world.change(state=State.SUCCESS)
    await visitor.open("/working")


async def test_R31_R32_a_holder_signs_in_sees_the_profile_and_updates_the_contact(
    visitor: Visitor, world: World
) -> None:
    await reach_profile(visitor, world)
    assert visitor.at() == "/profile"
    for words in ("My profile", "Contact details", "Modify contact details", "test-holder-0001@example.org"):
        assert words in visitor.page.text
    await visitor.open("/profile/contact")
    assert "Update contact" in visitor.page.text
    await visitor.submit("/profile/contact", email="new@example.org", mobile="07700 900123")

    assert visitor.at() == "/profile/updated"
    assert ("update_contact", ("profile-grant", "new@example.org", "07700 900123")) in world.calls
    assert world.names().count("sign_in") == 1
    assert [what[1:] for name, what in world.calls if name == "prove_holder"] == [(bytes([3]) * 60, False)]  # type: ignore[index]


async def test_signing_out_twice_is_signing_out(visitor: Visitor, world: World) -> None:
    await reach_profile(visitor, world)
    form = visitor.page.text
    for _ in range(2):
        page = await visitor.submit("/sign-out", page=form)

    assert (page.status_code, visitor.at()) == (200, "/")


async def test_a_sign_in_under_way_is_not_called_an_unlock(visitor: Visitor, world: World) -> None:
    await reach_words(visitor, world)
    page = await visitor.open("/")

    assert "An unlock is under way" not in page.text
    assert 'href="/sign-in/words"' in page.text


async def test_whoever_starts_again_at_the_end_of_an_old_unlock_has_time_for_the_new_one(
    visitor: Visitor, world: World, clock: FakeClock
) -> None:
    await reach_profile(visitor, world)
    clock.advance(minutes=104)
    await visitor.open("/reason")
    await visitor.submit("/reason", reason="LOCKED")
    clock.advance(minutes=2)
    await visitor.submit("/pair", pairing_code=PAIRING_CODE)

    assert world.names().count("start_session") == 2


async def test_R64_no_passcode_is_typed_before_the_words_are_confirmed(
    visitor: Visitor, world: World
) -> None:
    await reach_words(visitor, world)
    assert (await visitor.open("/sign-in/passcode")).url.path == "/sign-in/words"
    await visitor.submit("/sign-in/words")

    assert visitor.at() == "/sign-in/words"
    assert "Confirm that the unlock program" in visitor.page.text


async def test_R31_a_wrong_passcode_tells_the_tries_left(visitor: Visitor, world: World) -> None:
    await reach_passcode(visitor, world)
    assert "You have 3 tries before your smartcard locks" in visitor.page.text
    world.change(code="CURRENT_PIN_WRONG", tries_left=2)
    page = await visitor.open("/working")

    assert (page.url.path, "You have 2 tries left" in page.text) == ("/sign-in/passcode", True)


async def test_R31_the_last_try_is_asked_for_first(visitor: Visitor, world: World) -> None:
    await reach_passcode(visitor, world, tries_left=1)
    assert (visitor.at(), visitor.error_code()) == ("/last-try", "LAST_TRY")
    await visitor.submit("/last-try")
    assert visitor.at() == "/sign-in/passcode"
    await visitor.submit("/sign-in/passcode", sealed_current=SEALED)

    assert [what[2] for name, what in world.calls if name == "prove_holder"] == [True]  # type: ignore[index]


async def test_R31_R56_a_locked_card_leads_to_the_unlock(visitor: Visitor, world: World) -> None:
    await reach_words(visitor, world, blocked=True, objection="CARD_LOCKED")

    assert (visitor.at(), visitor.error_code()) == ("/other-reason", "CARD_LOCKED")
    assert "Unlock my smartcard" in visitor.page.text


@pytest.mark.parametrize("path", ["/profile", "/profile/contact", "/profile/updated"])
async def test_R56_nothing_of_a_profile_is_shown_to_who_has_not_signed_in(
    visitor: Visitor, world: World, path: str
) -> None:
    assert (await visitor.open(path)).url.path == "/sign-in"
    await reach_passcode(visitor, world)

    page = await visitor.open(path)
    assert page.url.path in ("/sign-in", "/sign-in/passcode")
    assert "test-holder-0001@example.org" not in page.text


async def test_R56_an_unlock_of_a_locked_card_opens_no_profile(visitor: Visitor, world: World) -> None:
    await visitor.reach_card()
    world.change(state=State.SUCCESS)
    await visitor.open("/profile")

    assert visitor.at() == "/done"
    assert "sign_in" not in world.names()


async def test_a_sign_in_that_is_over_is_told_and_leads_back(visitor: Visitor, world: World) -> None:
    await reach_profile(visitor, world)
    world.failure["profile"] = errors.unauthenticated("GRANT_REFUSED")
    await visitor.open("/profile")
    assert visitor.error_code() == "SIGNED_OUT"
    del world.failure["profile"]
    world.change(card_grant="")
    await visitor.open("/profile")

    assert visitor.error_code() == "SIGNED_OUT"


@pytest.mark.parametrize(
    "gone", [{"code": "CARD_LEFT"}, {"reader": Reader.NO_CARD}, {"reader": Reader.AGENT_AWAY}], ids=str
)
async def test_R31_R56_without_its_card_in_the_reader_nothing_of_a_profile_is_shown_or_changed(
    visitor: Visitor, world: World, gone: dict[str, object]
) -> None:
    await reach_profile(visitor, world)
    form = (await visitor.open("/profile/contact")).text
    world.change(**gone)

    for path in ("/profile", "/profile/contact", "/profile/updated"):
        page = await visitor.open(path)
        assert (visitor.error_code(), RA.name in page.text) == ("CARD_LEFT", False)
        assert 'href="/sign-in"' in page.text
    await visitor.submit("/profile/contact", page=form, email="new@example.org")
    assert (visitor.error_code(), "update_contact" in world.names()) == ("CARD_LEFT", False)
    assert (await visitor.open("/wait?at=/profile&since=0")).json() == {"go": "/profile"}


async def test_R56_a_page_of_the_profile_waits_for_its_card_to_leave(visitor: Visitor, world: World) -> None:
    await reach_profile(visitor, world)
    assert 'data-follow="/profile"' in visitor.page.text
    told = (await visitor.open("/wait?at=/profile&since=0")).json()

    assert told == {"since": str(world.view.version), "html": ""}


async def test_signing_out_forgets_who_it_was(visitor: Visitor, world: World) -> None:
    await reach_profile(visitor, world)
    await visitor.submit("/sign-out")
    assert visitor.at() == "/"

    assert (await visitor.open("/profile")).url.path == "/sign-in"


@pytest.mark.parametrize("code", ["CARD_FROZEN", "CARD_NOT_ACTIVE", "CERTIFICATE_EXPIRED"])
async def test_R63_R64_a_card_that_is_stopped_shows_why_and_whom_to_ask(
    visitor: Visitor, world: World, code: str
) -> None:
    world.refused_sign_in = Refused(code, RA)
    await reach_profile(visitor, world)

    assert (visitor.at(), visitor.error_code()) == ("/profile", code)
    assert RA.telephone in visitor.page.text


@pytest.mark.parametrize(
    ("refused", "sentences"),
    [
        (ContactRefused("EMAIL_DOMAIN_NOT_ALLOWED", ""), ["that is approved"]),
        (
            ContactRefused("EMAIL_MALFORMED", "MOBILE_MALFORMED"),
            ["in the correct format", "UK mobile number"],
        ),
        (ContactRefused("EMAIL_MISSING", ""), ["Enter your work email address"]),
    ],
    ids=str,
)
async def test_R33_R40_what_cannot_stand_is_told_at_its_field_with_its_code(
    visitor: Visitor, world: World, refused: ContactRefused, sentences: list[str]
) -> None:
    await reach_profile(visitor, world)
    await visitor.open("/profile/contact")
    world.refused_contact = refused
    page = await visitor.submit("/profile/contact", email="typed@example.com", mobile="12")

    assert (page.status_code, visitor.at()) == (400, "/profile/contact")
    for sentence in (*sentences, 'value="typed@example.com"', refused.address_code, refused.mobile_code):
        assert sentence in unescape(page.text)


@pytest.mark.parametrize("code", ["NO_EMAIL", "EMAIL_DOMAIN_NOT_ALLOWED"])
async def test_R30_R34_the_profile_nudges_where_no_code_can_be_sent(
    visitor: Visitor, world: World, code: str
) -> None:
    world.profile = replace(world.profile, address="", nudge=code)
    await reach_profile(visitor, world)

    assert visitor.error_code() == code
    assert "Add your work email address now" in visitor.page.text


async def test_R30_R34_the_start_page_leads_to_the_profile(visitor: Visitor) -> None:
    page = await visitor.open("/")

    assert 'href="/sign-in"' in page.text
    assert "change the email address on your profile" in page.text


async def test_a_sign_in_without_a_seal_is_one_without_javascript(visitor: Visitor, world: World) -> None:
    await reach_passcode(visitor, world)
    await visitor.submit("/sign-in/passcode")

    assert visitor.error_code() == "JAVASCRIPT_OFF"
    assert "prove_holder" not in world.names()


@pytest.mark.parametrize("code", ["SIGN_IN_UNSUPPORTED", "CARD_UNKNOWN"])
async def test_a_card_that_cannot_sign_in_has_its_own_page(visitor: Visitor, world: World, code: str) -> None:
    await reach_words(visitor, world)
    world.change(state=State.FAILED, code=code)
    await visitor.open("/card")

    assert (visitor.at(), visitor.error_code()) == ("/stopped", code)


async def test_R31_where_the_agent_asks_for_the_passcode_the_page_takes_none(
    visitor: Visitor, world: World
) -> None:
    await reach_passcode(visitor, world, pin_at_agent=True)
    assert "You do not type your passcode on this page" in visitor.page.text
    await visitor.submit("/sign-in/passcode", sealed_current=SEALED)
    assert (visitor.at(), "prove_holder" in world.names()) == ("/sign-in/passcode", False)
    await visitor.submit("/sign-in/passcode")

    assert visitor.at() == "/working"
    assert "unlock program’s window" in visitor.page.text
    assert [what[1] for name, what in world.calls if name == "prove_holder"] == [b""]  # type: ignore[index]


LINK = "/freeze/" + "t" * 22


async def test_R64_opening_the_page_of_the_mail_changes_nothing_and_its_button_freezes(
    visitor: Visitor, world: World
) -> None:
    page = await visitor.open(LINK)
    assert (page.status_code, world.names()) == (200, [])
    page = await visitor.submit(LINK)

    assert "Your smartcard is frozen" in page.text
    assert RA.telephone in page.text
    assert world.calls == [("freeze_card", "t" * 22)]


@pytest.mark.parametrize("path", ["/freeze/short", "/freeze/" + "t" * 23, "/freeze/%3Cscript%3E"])
async def test_R64_a_link_that_is_not_whole_asks_nobody(visitor: Visitor, world: World, path: str) -> None:
    await visitor.open(path)

    assert (visitor.error_code(), world.names()) == ("FREEZE_LINK_UNKNOWN", [])


async def test_R64_a_link_that_is_too_old_names_whom_to_ask(visitor: Visitor, world: World) -> None:
    world.refused_freeze = Refused("FREEZE_LINK_UNKNOWN")
    await visitor.open(LINK)
    page = await visitor.submit(LINK)

    assert (page.status_code, visitor.error_code()) == (404, "FREEZE_LINK_UNKNOWN")
