"""Help and the search for one's RA in real Chromium: by keyboard, without JavaScript, from no other host."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from services.web.domain.guides import GUIDES
from tests.fakes.web_peers import RA
from tests.web.conftest import Site

pytestmark = pytest.mark.browser


def test_R17_R18_R19_R24_typing_the_address_leads_into_the_journey_at_once_and_to_no_other_host(
    page: Page, site: Site
) -> None:
    asked: set[str] = set()
    page.on("request", lambda request: asked.add(urlsplit(request.url).netloc))
    page.goto(site.origin)
    page.get_by_role("button", name="Start now").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Why do you need a new passcode")
    text = page.inner_text("main")
    for guide in GUIDES:
        page.goto(f"{site.origin}{guide.path}")

    assert asked == {urlsplit(site.origin).netloc}
    assert not any(word in text.lower() for word in ("log in", "register", "security question", "plug-in"))


def test_R38_a_qr_code_stays_black_on_white_where_colours_are_forced(browser: Browser, site: Site) -> None:
    page = browser.new_page(forced_colors="active", color_scheme="dark")
    page.goto(f"{site.origin}/help/handout")
    colour = "element => getComputedStyle(element).backgroundColor"

    assert page.locator("body").evaluate(colour) == "rgb(0, 0, 0)"
    assert page.locator(".app-qr").evaluate(colour) == "rgb(255, 255, 255)"
    page.close()


def test_R37_an_ra_is_found_by_keyboard_alone(page: Page, site: Site) -> None:
    page.goto(f"{site.origin}/find-ra")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to main content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Name or code of the organisation")).to_be_focused()
    page.keyboard.type("tset trsut")
    page.keyboard.press("Enter")
    page.wait_for_url("**/find-ra?organisation=tset+trsut")

    expect(page.get_by_role("heading", name="Test Trust (T01)")).to_be_visible()
    expect(page.get_by_text(RA.telephone)).to_be_visible()


def test_R37_R13_help_and_search_work_without_javascript(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.origin)
    page.get_by_role("link", name="Find your Registration Authority").first.click()
    page.get_by_label("Name or code of the organisation").fill("test")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text(RA.email)).to_be_visible()
    page.get_by_role("contentinfo").get_by_role("link", name="Help", exact=True).click()
    page.get_by_role("link", name="Guide for IT teams").click()
    page.get_by_role("link", name="PR20002", exact=True).first.click()

    expect(page.get_by_role("heading", level=1)).to_contain_text("cannot reach the smartcard reader")
    context.close()


def test_R23_the_handout_prints_with_its_qr_code_and_without_our_navigation(page: Page, site: Site) -> None:
    page.goto(f"{site.origin}/help/handout")
    code = page.get_by_role("img", name="QR code of the address")
    assert code.evaluate("image => image.naturalWidth") > 0
    page.emulate_media(media="print")

    expect(page.get_by_role("contentinfo")).to_be_hidden()
    expect(code).to_be_visible()
    expect(page.get_by_text("Last edited:")).to_be_visible()
