"""Two colleagues vouch from afar for a holder without mail: the holder's pages, and theirs. R6, R60."""

from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from jinja2 import Environment
from starlette.types import ASGIApp

from services.runtime import errors
from services.web.domain.journey import State
from services.web.ports import Reader, Refused
from services.web.routes import COLLEAGUE_PAGES, build_app
from services.web.sessions import COOKIE, CookieSealer
from services.web.visit import House
from tests.fakes.clock import FakeClock
from tests.fakes.randomness import SeededRandomness
from tests.fakes.web_peers import ADDRESS_TOKEN, ASKED, NOW, RA, World
from tests.unit.web.conftest import Visitor, peers_of, web_settings
from tests.unit.web.test_profile_pages import SEALED, reach_profile

ASK, CODE, VOUCH, PERSON = "/colleagues", "/colleagues/code", "/vouch", "/vouch/person"
NO_EMAIL = Refused("NO_EMAIL", RA, can_ask_colleagues=True)
BUTTON = "Ask two colleagues to vouch for you"
READ_OUT = "K7QM2-XWD4C"
TYPED = "k7qm2 xwd4c"


@pytest.fixture
def app(
    world: World, clock: FakeClock, sealer: CookieSealer, templates: Environment, tmp_path: Path
) -> ASGIApp:
    """The application where colleagues vouch."""
    chosen = web_settings(tmp_path).model_copy(update={"REMOTE_VOUCH": "two-colleagues"})
    return build_app(House(peers_of(world), chosen, clock, SeededRandomness(), templates), sealer)


@pytest.fixture
def off(
    world: World, clock: FakeClock, sealer: CookieSealer, templates: Environment, tmp_path: Path
) -> ASGIApp:
    """The application as it is by default."""
    return build_app(
        House(peers_of(world), web_settings(tmp_path), clock, SeededRandomness(), templates), sealer
    )


async def reach_refusal(visitor: Visitor, world: World) -> None:
    world.refused_holder = NO_EMAIL
    await visitor.reach_card()
    world.change(state=State.CARD_READ, reader=Reader.CARD, blocked=True)
    await visitor.open("/card")


async def reach_code(visitor: Visitor, world: World) -> None:
    await reach_refusal(visitor, world)
    await visitor.open(ASK)
    await visitor.submit(ASK, words_match="yes")


async def reach_person(visitor: Visitor, world: World) -> None:
    await reach_profile(visitor, world)
    await visitor.open(VOUCH)
    await visitor.submit(VOUCH, vouch_code=TYPED)


async def wait_at_code(visitor: Visitor, since: str) -> dict[str, str]:
    answer = await visitor.client.get("/wait", params={"at": CODE, "since": since})
    told: dict[str, str] = answer.json()
    return told


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.web.pages.wait.PAUSE_SECONDS", 0)


async def test_R6_a_refusal_for_want_of_mail_offers_colleagues_below_the_ra(
    visitor: Visitor, world: World
) -> None:
    await reach_refusal(visitor, world)
    text = visitor.page.text

    assert visitor.error_code() == "NO_EMAIL"
    assert 0 < text.index("01632 960 001") < text.index(BUTTON)
    assert f'href="{ASK}"' in text


async def test_R6_nothing_is_offered_where_identity_does_not_say_so(visitor: Visitor, world: World) -> None:
    await reach_refusal(visitor, world)
    world.refused_holder = Refused("NO_EMAIL", RA)

    assert BUTTON not in (await visitor.open("/address")).text


async def test_no_page_of_it_is_there_by_default(visitor: Visitor, world: World, off: ASGIApp) -> None:
    visitor.client._transport = type(visitor.client._transport)(off)  # type: ignore[call-arg]
    await reach_refusal(visitor, world)
    assert BUTTON not in visitor.page.text
    for path, _, _ in COLLEAGUE_PAGES:
        assert (await visitor.open(path)).status_code == 404
    world.refused_holder = None
    await reach_profile(visitor, world)

    assert VOUCH not in visitor.page.text


async def test_no_code_is_shown_before_the_words_are_confirmed(visitor: Visitor, world: World) -> None:
    await reach_refusal(visitor, world)
    await visitor.open(ASK)
    for words in ("amber", "know your voice or your face", "work in your organisation"):
        assert words in visitor.page.text
    page = await visitor.submit(ASK)

    assert (page.status_code, visitor.at()) == (400, ASK)
    assert "Confirm that the unlock program" in page.text
    assert "ask_colleagues" not in world.names()
    assert (await visitor.open(CODE)).url.path != CODE


async def test_the_code_is_shown_with_whom_to_ask_what_they_do_and_until_when(
    visitor: Visitor, world: World
) -> None:
    await reach_code(visitor, world)
    text = unescape(visitor.page.text)

    assert visitor.at() == CODE
    assert ("ask_colleagues", "card-grant") in world.calls
    for words in (
        READ_OUT,
        "It works until 10:15.",
        "0 of 2 colleagues have vouched for you.",
        "unlock.example.org/vouch",
        "sign in with their own smartcard",
        "You have 45 minutes until this unlock ends",
        f'<a href="{CODE}">Check again now</a>',
    ):
        assert words in text, words


async def test_the_code_is_in_no_address_no_cache_and_no_cookie_in_clear(
    visitor: Visitor, world: World
) -> None:
    await reach_code(visitor, world)
    told = visitor.page

    assert told.headers["cache-control"] == "no-store"
    assert told.headers["referrer-policy"] == "no-referrer"
    addresses = [str(each.url) for each in (*told.history, told)]
    assert not any(READ_OUT in each or "K7QM2" in each for each in addresses)
    assert "K7QM2" not in visitor.client.cookies[COOKIE]
    assert READ_OUT not in repr(ASKED)


async def test_the_page_moves_on_as_colleagues_vouch(visitor: Visitor, world: World, no_pauses: None) -> None:
    await reach_code(visitor, world)
    since = f"0-{ASKED.expires_at.timestamp():.0f}"
    assert f'data-since="{since}"' in visitor.page.text
    told = await wait_at_code(visitor, since)
    assert (told["since"], "0 of 2" in told["html"]) == (since, True)
    world.colleague_vouches()
    told = await wait_at_code(visitor, since)
    assert "1 of 2 colleagues has vouched for you." in told["html"]
    assert READ_OUT not in told["html"]
    assert (await wait_at_code(visitor, told["since"]))["since"] == told["since"]
    world.colleague_vouches()

    assert await wait_at_code(visitor, told["since"]) == {"go": CODE}


async def test_another_code_is_shown_when_the_first_has_ended(
    visitor: Visitor, world: World, no_pauses: None
) -> None:
    await reach_code(visitor, world)
    since = f"0-{ASKED.expires_at.timestamp():.0f}"
    world.asked_colleagues = replace(ASKED, code="22222-33333", expires_at=NOW + timedelta(minutes=30))
    assert await wait_at_code(visitor, since) == {"go": CODE}
    await visitor.open(CODE)

    assert "22222-33333" in visitor.page.text
    assert "It works until 10:30." in visitor.page.text


async def test_two_words_lead_to_a_new_passcode(visitor: Visitor, world: World) -> None:
    await reach_code(visitor, world)
    world.colleague_vouches()
    await visitor.open(CODE)
    assert "Choose a new passcode" not in visitor.page.text
    world.colleague_vouches()
    await visitor.open(CODE)
    assert "2 of 2 colleagues have vouched for you." in visitor.page.text
    assert "amber" in visitor.page.text
    assert "authorise" not in world.names()
    await visitor.submit(CODE)

    assert visitor.at() == "/passcode"
    assert ("authorise", "unlock-grant-of-colleagues") in world.calls
    assert world.names().index("resolve_holder") < world.names().index("authorise")
    text = unescape(visitor.page.text)
    assert "Your colleagues have vouched for you." in text
    assert "Your security code was right" not in text
    assert {"issue_code", "redeem_code"}.isdisjoint(world.names())


async def test_R30_the_last_page_says_who_vouched_and_how_to_need_nobody_next_time(
    visitor: Visitor, world: World
) -> None:
    await reach_code(visitor, world)
    world.colleague_vouches()
    world.colleague_vouches()
    await visitor.open(CODE)
    await visitor.submit(CODE)
    world.change(state=State.SUCCESS)
    text = unescape((await visitor.open("/done")).text)

    for words in ("two colleagues vouched for you", "Add your work email address", "/receipt"):
        assert words in text
    assert "We send an email to the address on your profile" not in text


async def test_nobody_goes_on_before_there_are_enough_words(visitor: Visitor, world: World) -> None:
    await reach_code(visitor, world)
    world.colleague_vouches()
    await visitor.submit(CODE)

    assert visitor.at() == CODE
    assert "authorise" not in world.names()


@pytest.mark.parametrize("code", ["VOUCH_TOO_OFTEN", "CARD_FROZEN"])
async def test_a_holder_who_may_not_ask_is_told_why_and_whom_to_ask(
    visitor: Visitor, world: World, code: str
) -> None:
    await reach_refusal(visitor, world)
    world.asked_colleagues = Refused(code, RA)
    await visitor.open(ASK)
    await visitor.submit(ASK, words_match="yes")

    assert visitor.error_code() == code
    assert "01632 960 001" in visitor.page.text
    assert (await visitor.open("/card")).url.path == "/address"


async def test_a_freeze_counts_while_the_page_waits(visitor: Visitor, world: World, no_pauses: None) -> None:
    await reach_code(visitor, world)
    world.asked_colleagues = Refused("CARD_FROZEN", RA)
    assert await wait_at_code(visitor, "") == {"go": CODE}
    await visitor.open(CODE)

    assert visitor.error_code() == "CARD_FROZEN"


async def test_a_vouch_that_the_gateway_refuses_stops_with_its_code(visitor: Visitor, world: World) -> None:
    await reach_code(visitor, world)
    world.colleague_vouches()
    world.colleague_vouches()
    world.refused_authorise = Refused("CARD_FROZEN")
    await visitor.open(CODE)
    await visitor.submit(CODE)

    assert visitor.error_code() == "CARD_FROZEN"


async def test_R25_an_address_that_the_ra_adds_meanwhile_needs_no_colleague(
    visitor: Visitor, world: World, no_pauses: None
) -> None:
    await reach_code(visitor, world)
    world.refused_holder, world.asked_colleagues = None, Refused("EMAIL_USABLE")
    assert await wait_at_code(visitor, "") == {"go": "/address"}
    await visitor.open(CODE)
    assert visitor.at() == "/address"
    await visitor.submit("/address", words_match="yes")

    assert visitor.at() == "/code"


async def test_a_holder_whose_colleagues_have_vouched_is_not_offered_a_code_without_a_mailbox(
    visitor: Visitor, world: World
) -> None:
    await reach_code(visitor, world)
    world.colleague_vouches()
    world.colleague_vouches()
    world.masked_address = ""
    await visitor.open("/address")

    assert visitor.at() == CODE


@pytest.mark.parametrize("path", [ASK, CODE])
async def test_a_session_that_needs_no_colleague_leads_where_it_belongs(
    visitor: Visitor, world: World, path: str
) -> None:
    await visitor.open(path)
    assert visitor.at() == "/"
    await visitor.reach_card()
    assert (await visitor.open(path)).url.path == "/card"


async def test_another_reason_begins_without_what_was_asked_before(visitor: Visitor, world: World) -> None:
    await reach_code(visitor, world)
    world.change(objection="", tries_left=2, blocked=False)
    await visitor.open("/other-reason")
    await visitor.submit("/other-reason", reason="FORGOTTEN")

    assert visitor.at() == "/address"


async def test_a_colleague_signs_in_and_comes_back_to_vouch(visitor: Visitor, world: World) -> None:
    await visitor.open(VOUCH)
    assert visitor.at() == "/sign-in"
    assert "Sign in to vouch for a colleague" in visitor.page.text
    await visitor.submit("/sign-in")
    await visitor.submit("/pair", pairing_code="K7QM2XWD4C")
    world.change(state=State.CARD_READ, reader=Reader.CARD, tries_left=3)
    await visitor.open("/card")
    await visitor.submit("/sign-in/words", words_match="yes")
    await visitor.submit("/sign-in/passcode", sealed_current=SEALED)
    world.change(state=State.SUCCESS)
    await visitor.open("/working")

    assert visitor.at() == VOUCH


async def test_the_agents_link_leads_a_colleague_to_the_sign_in(visitor: Visitor, world: World) -> None:
    await visitor.open(VOUCH)
    await visitor.open(f"/open/{ADDRESS_TOKEN}")
    assert visitor.at() == "/sign-in"
    assert "Sign in to vouch for a colleague" in visitor.page.text
    await visitor.open("/")
    assert "Sign in to vouch" not in (await visitor.open("/sign-in")).text
    await visitor.open(f"/open/{ADDRESS_TOKEN}")

    assert visitor.at() == "/reason"


async def test_whoever_unlocks_a_card_instead_is_not_led_to_vouch(visitor: Visitor, world: World) -> None:
    await visitor.open(VOUCH)
    await visitor.open("/reason")
    await visitor.submit("/reason", reason="LOCKED")

    assert "Sign in to vouch" not in (await visitor.open("/sign-in")).text


async def test_a_colleague_vouches_for_whom_they_know(visitor: Visitor, world: World) -> None:
    await reach_profile(visitor, world)
    assert f'href="{VOUCH}"' in visitor.page.text
    await visitor.open(VOUCH)
    assert "Nobody from IT or the Registration Authority will ever ask you to vouch" in visitor.page.text
    await visitor.submit(VOUCH, vouch_code=TYPED)
    assert visitor.at() == PERSON
    for words in ("Test Holder Two", "T01", "do you know their voice or face?", "recorded with your name"):
        assert words in visitor.page.text
    assert "K7QM2" not in visitor.page.text
    await visitor.submit(PERSON, basis="PHONE")

    assert ("vouch_for_colleague", ("profile-grant", "K7QM2XWD4C", "PHONE")) in world.calls
    text = unescape(visitor.page.text)
    for words in ("1 of 2 have vouched.", "another colleague has to vouch, too", "Sign out"):
        assert words in text
    assert (await visitor.open(PERSON)).url.path == VOUCH


async def test_the_second_word_lets_the_holder_go_on(visitor: Visitor, world: World) -> None:
    world.colleague_vouches()
    await reach_person(visitor, world)
    await visitor.submit(PERSON, basis="VIDEO")
    assert "2 of 2 have vouched." in visitor.page.text
    assert "they can choose a new passcode now" in visitor.page.text
    await visitor.submit("/sign-out")

    assert (await visitor.open(VOUCH)).url.path == "/sign-in"


@pytest.mark.parametrize("basis", ["", "KNOWN", "COLLEAGUE"])
async def test_no_word_is_taken_without_how_they_know(visitor: Visitor, world: World, basis: str) -> None:
    await reach_person(visitor, world)
    page = await visitor.submit(PERSON, basis=basis)

    assert (page.status_code, visitor.at()) == (400, PERSON)
    assert "Select how you know that it is them" in page.text
    assert "vouch_for_colleague" not in world.names()


@pytest.mark.parametrize(
    ("typed", "told"),
    [("", "Enter the 10 characters"), ("ABC", "Enter the 10 characters"), ("ABCDEFGHJK", "does not work")],
)
async def test_a_code_that_is_none_may_be_typed_again(
    visitor: Visitor, world: World, typed: str, told: str
) -> None:
    await reach_profile(visitor, world)
    await visitor.open(VOUCH)
    page = await visitor.submit(VOUCH, vouch_code=typed)
    assert (page.status_code, visitor.at()) == (400, VOUCH)
    assert told in page.text
    await visitor.submit(VOUCH, vouch_code=TYPED)

    assert visitor.at() == PERSON


async def test_a_wrong_code_has_its_name(visitor: Visitor, world: World) -> None:
    await reach_profile(visitor, world)
    await visitor.open(VOUCH)
    await visitor.submit(VOUCH, vouch_code="ABCDEFGHJK")

    assert visitor.error_code() == "VOUCH_CODE_UNKNOWN"


@pytest.mark.parametrize("code", ["VOUCH_OWN_CARD", "VOUCH_LIMIT", "CARD_FROZEN"])
async def test_a_colleague_who_may_not_vouch_is_told_why(visitor: Visitor, world: World, code: str) -> None:
    world.refused_asker = Refused(code, RA)
    await reach_profile(visitor, world)
    await visitor.open(VOUCH)
    await visitor.submit(VOUCH, vouch_code=TYPED)

    assert visitor.error_code() == code
    assert "Test Holder Two" not in visitor.page.text


async def test_a_code_that_ended_meanwhile_is_asked_for_anew(visitor: Visitor, world: World) -> None:
    await reach_person(visitor, world)
    world.refused_word = Refused("VOUCH_CODE_UNKNOWN")
    await visitor.submit(PERSON, basis="IN_PERSON")
    assert visitor.error_code() == "VOUCH_CODE_UNKNOWN"
    assert f'href="{VOUCH}"' in visitor.page.text
    world.asked_colleagues = replace(ASKED, code="22222-33333")
    await visitor.open(PERSON)

    assert visitor.error_code() == "VOUCH_CODE_UNKNOWN"
    assert (await visitor.open(PERSON)).url.path == VOUCH


@pytest.mark.parametrize(("call", "basis"), [("asker", ""), ("vouch_for_colleague", "PHONE")])
async def test_a_sign_in_that_has_ended_vouches_for_nobody_and_leads_back(
    visitor: Visitor, world: World, call: str, basis: str
) -> None:
    await reach_person(visitor, world)
    world.failure[call] = errors.unauthenticated("GRANT_REFUSED")
    await visitor.submit(PERSON, basis=basis)
    assert visitor.error_code() == "SIGNED_OUT"
    world.failure.clear()
    await visitor.open(VOUCH)

    assert visitor.at() == "/sign-in"


async def test_R56_whose_card_has_left_vouches_for_nobody(visitor: Visitor, world: World) -> None:
    await reach_person(visitor, world)
    world.change(reader=Reader.NO_CARD)
    await visitor.submit(PERSON, basis="PHONE")

    assert visitor.error_code() == "CARD_LEFT"
    assert "vouch_for_colleague" not in world.names()


async def test_no_name_is_shown_to_who_has_typed_no_code(visitor: Visitor, world: World) -> None:
    await reach_profile(visitor, world)
    await visitor.open(PERSON)

    assert visitor.at() == VOUCH
    assert "asker" not in world.names()


async def test_the_form_of_another_tab_vouches_for_nobody_but_shows_whose_code_was_typed_last(
    visitor: Visitor, world: World
) -> None:
    await reach_person(visitor, world)
    first = visitor.page.text
    world.asked_colleagues = replace(ASKED, code="22222-33333")
    await visitor.open(VOUCH)
    await visitor.submit(VOUCH, vouch_code="22222-33333")
    await visitor.submit(PERSON, page=first, basis="PHONE")

    assert visitor.at() == PERSON
    assert "vouch_for_colleague" not in world.names()
    await visitor.submit(PERSON, basis="PHONE")
    assert ("vouch_for_colleague", ("profile-grant", "2222233333", "PHONE")) in world.calls


async def test_a_window_that_is_opened_again_leads_to_the_code(visitor: Visitor, world: World) -> None:
    await reach_code(visitor, world)
    await visitor.open("/")
    assert f'href="{CODE}"' in visitor.page.text
    await visitor.open("/card")

    assert visitor.at() == CODE
    assert READ_OUT in visitor.page.text
