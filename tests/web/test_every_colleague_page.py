"""The pages of colleagues who vouch from afar, where they may, held to what every page is held to."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment
from playwright.sync_api import Browser, Page, expect

from services.web.domain.journey import Reason, State
from services.web.ports import Refused
from tests.fakes.web_peers import ASKED, RA
from tests.web.conftest import Site, running_site
from tests.web.steps import enter_session
from tests.web.test_every_page import CARD_IS_IN, READ, SIGNED_IN, Shown, in_state, passes

pytestmark = pytest.mark.browser

CODE, VOUCH, PERSON = "/colleagues/code", "/vouch", "/vouch/person"
HAS_ASKED = {"colleagues_asked": True}
ONE = replace(ASKED, words_given=1)
ENOUGH = replace(ASKED, code="", words_given=2, unlock_grant="unlock-grant")
TYPED: dict[str, Any] = {"cookie": SIGNED_IN | {"vouch_code": ASKED.code.replace("-", "")}}
NO_EMAIL = Refused("NO_EMAIL", RA, can_ask_colleagues=True)


@pytest.fixture
def site(templates: Environment, tmp_path: Path) -> Iterator[Site]:
    """The application where colleagues vouch."""
    with running_site(templates, tmp_path, REMOTE_VOUCH="two-colleagues") as running:
        yield running


def words_not_confirmed(page: Page) -> None:
    page.get_by_role("button", name="Show me the code").click()
    expect(page.locator(".nhsuk-error-summary")).to_be_focused()


def no_code(page: Page) -> None:
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".nhsuk-error-summary")).to_be_focused()


def another_code(page: Page) -> None:
    page.get_by_label("Code that your colleague reads out").fill("abcde fghjk")
    no_code(page)


def no_basis(page: Page) -> None:
    page.get_by_role("button", name="I vouch for this person").click()
    expect(page.locator(".nhsuk-error-summary")).to_be_focused()


def vouch(page: Page) -> None:
    page.get_by_label("By phone: I know their voice").check()
    page.get_by_role("button", name="I vouch for this person").click()
    expect(page.get_by_role("heading", name="You have vouched for your colleague")).to_be_visible()


def headed_for_vouching(page: Page) -> None:
    page.get_by_text("Sign in to vouch for a colleague").wait_for()


SHOWN = [
    Shown("no-email-colleagues", "/address", READ, refused=NO_EMAIL),
    Shown("colleagues-ask", "/colleagues", READ),
    Shown("colleagues-ask-error", "/colleagues", READ, act=words_not_confirmed),
    Shown("colleagues-code", CODE, READ, cookie=HAS_ASKED),
    Shown("colleagues-code-one", CODE, READ, cookie=HAS_ASKED, asked=ONE),
    Shown("colleagues-enough", CODE, READ, cookie=HAS_ASKED, asked=ENOUGH),
    Shown("colleagues-too-often", CODE, READ, cookie=HAS_ASKED, asked=Refused("VOUCH_TOO_OFTEN", RA)),
    Shown("colleagues-passcode", "/passcode", in_state(State.AUTHORISED), cookie=HAS_ASKED),
    Shown("colleagues-done", "/done", in_state(State.SUCCESS), cookie=HAS_ASKED | {"nudge": "NO_EMAIL"}),
    Shown("vouch-sign-in", "/sign-in", cookie={"heading_for": VOUCH}, act=headed_for_vouching),
    Shown("profile-vouch", "/profile", CARD_IS_IN, cookie=SIGNED_IN),
    Shown("vouch-code", VOUCH, CARD_IS_IN, cookie=SIGNED_IN),
    Shown("vouch-code-missing", VOUCH, CARD_IS_IN, cookie=SIGNED_IN, act=no_code),
    Shown("vouch-code-unknown", VOUCH, CARD_IS_IN, cookie=SIGNED_IN, act=another_code),
    Shown("vouch-person", PERSON, CARD_IS_IN, **TYPED),
    Shown("vouch-person-error", PERSON, CARD_IS_IN, act=no_basis, **TYPED),
    Shown("vouch-given", PERSON, CARD_IS_IN, act=vouch, **TYPED),
    Shown("vouch-given-enough", PERSON, CARD_IS_IN, asked=ONE, act=vouch, **TYPED),
    Shown("vouch-own-card", PERSON, CARD_IS_IN, asker=Refused("VOUCH_OWN_CARD", RA), **TYPED),
    Shown("vouch-limit", PERSON, CARD_IS_IN, asker=Refused("VOUCH_LIMIT", RA), **TYPED),
    Shown("vouch-ended", PERSON, CARD_IS_IN, asker=Refused("VOUCH_CODE_UNKNOWN", RA), **TYPED),
    Shown("help-holders-colleagues", "/help/holders"),
    Shown("help-registration-authorities-colleagues", "/help/registration-authorities"),
]


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown.name)
def test_every_page_of_colleagues_passes_axe_and_fits_narrow_and_wide_windows(
    browser: Browser, site: Site, shown: Shown
) -> None:
    passes(browser, site, shown)


def test_a_colleague_vouches_by_keyboard_alone(browser: Browser, site: Site) -> None:
    page = browser.new_page()
    enter(page, site)
    page.goto(f"{site.origin}{VOUCH}")
    page.get_by_label("Code that your colleague reads out").focus()
    page.keyboard.type("k7qm2 xwd4c")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{PERSON}")
    page.get_by_label("By phone: I know their voice").focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="You have vouched for your colleague")).to_be_visible()
    page.close()

    word = site.world.calls[-1]
    assert word == ("vouch_for_colleague", ("profile-grant", "K7QM2XWD4C", "VIDEO"))


def test_the_holder_s_page_tells_each_word_by_itself_and_leads_on(browser: Browser, site: Site) -> None:
    page = browser.new_page()
    enter_session(page, site, colleagues_asked=True)
    site.world.change(**READ)
    page.goto(f"{site.origin}{CODE}")
    live = page.get_by_role("status")
    expect(live).to_have_text("0 of 2 colleagues have vouched for you.")
    site.world.colleague_vouches()
    expect(live).to_have_text("1 of 2 colleagues has vouched for you.")
    site.world.colleague_vouches()
    page.get_by_role("button", name="Choose a new passcode").click()
    page.wait_for_url("**/passcode")
    page.close()


def enter(page: Page, site: Site) -> None:
    """Signed in, with the card in the reader."""
    enter_session(page, site, reason=Reason.SIGN_IN, profile_grant="profile-grant")
    site.world.change(**CARD_IS_IN)
