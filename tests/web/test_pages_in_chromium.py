"""Every page in real Chromium: the journey by keyboard, by itself, without JavaScript; axe; 320 px."""

import re
from dataclasses import replace

import pytest
from playwright.sync_api import Browser, Page, expect

from services.runtime import errors
from services.web.domain.journey import AFTERLIFE, WARNED_FOR, Reason, State
from services.web.ports import Delivery, Reader
from tests.fakes.web_peers import (
    ADDRESS_TOKEN,
    NOW,
    PAIRING_CODE,
    RIGHT_CODE,
    SESSION_ID,
    WRONG_CODE,
    code_status,
)
from tests.web.conftest import Site
from tests.web.steps import (
    AGENT,
    GOOD_PASSCODE,
    SUITE,
    choose,
    enter_session,
    open_passcode_page,
    reach_card,
    reach_code,
    reach_passcode,
)

pytestmark = pytest.mark.browser


def test_R1_R45_R53_the_pages_move_on_by_themselves_to_success(page: Page, site: Site) -> None:
    reach_passcode(page, site)
    choose(page, GOOD_PASSCODE)
    page.wait_for_url("**/working")
    expect(page.get_by_role("status")).to_contain_text("Answer the question on your workstation")
    site.world.change(state=State.RESETTING)
    expect(page.get_by_role("status")).to_contain_text("is changing its passcode")
    site.world.change(state=State.SUCCESS)
    page.wait_for_url("**/done")

    expect(page.get_by_role("heading", level=1)).to_have_text("Your smartcard is unlocked and ready to use")


def test_R52_the_passcode_leaves_the_page_only_sealed(page: Page, site: Site) -> None:
    bodies: list[str] = []
    page.on("request", lambda request: bodies.append(f"{request.url} {request.post_data or ''}"))
    reach_passcode(page, site)
    choose(page, GOOD_PASSCODE)
    page.wait_for_url("**/working")

    attempt_id, sealed = site.world.resets()[0]
    info = f"smartcard-unlock/pin/v1|{SESSION_ID}|{attempt_id}".encode()
    assert SUITE.decrypt(sealed, AGENT, info=info) == GOOD_PASSCODE.encode()
    assert not any(GOOD_PASSCODE in body for body in bodies)
    assert any(request.startswith(f"{site.origin}/passcode csrf=") for request in bodies)


def test_S19_nothing_is_kept_in_the_browser_and_nobody_else_is_asked(page: Page, site: Site) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    reach_passcode(page, site)
    choose(page, GOOD_PASSCODE)
    page.wait_for_url("**/working")

    assert [url for url in asked if not url.startswith(f"{site.origin}/")] == []
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    assert page.evaluate("indexedDB.databases().then(all => all.length)") == 0
    page.go_back()
    assert page.locator("#passcode:visible").count() == 0


@pytest.mark.parametrize(
    ("passcode", "again", "sentence"),
    [
        ("", None, "Enter a new passcode"),
        ("12345", None, "6, 7 or 8 digits"),
        ("123456789", None, "6, 7 or 8 digits"),
        ("7391a2", None, "only have digits"),
        ("111111", None, "repeat"),
        ("73917391", None, "repeat"),
        ("123456", None, "count up or down"),
        ("987654", None, "count up or down"),
        ("140885", None, "not a date"),
        ("147258", None, "harder to guess"),
        (GOOD_PASSCODE, "739163", "not the same"),
    ],
)
def test_R52_S51_a_weak_passcode_is_refused_with_its_reason(
    page: Page, site: Site, passcode: str, again: str | None, sentence: str
) -> None:
    open_passcode_page(page, site)
    choose(page, passcode, again)

    summary = page.locator(".nhsuk-error-summary")
    expect(summary).to_contain_text(sentence)
    expect(summary).to_be_focused()
    field = page.get_by_label("New passcode again" if again else "New passcode", exact=True)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile(sentence))
    assert "reset_pin" not in site.world.names()
    summary.get_by_role("link").click()
    expect(field).to_be_focused()


def test_the_passcode_can_be_shown_and_hidden(page: Page, site: Site) -> None:
    open_passcode_page(page, site)
    field = page.get_by_label("New passcode", exact=True)
    field.fill(GOOD_PASSCODE)
    page.get_by_role("button", name="Show new passcode").click()
    expect(field).to_have_attribute("type", "text")
    page.get_by_role("button", name="Hide new passcode").click()

    expect(field).to_have_attribute("type", "password")


def test_R1_the_whole_way_by_keyboard_from_the_start_page_to_the_last(page: Page, site: Site) -> None:
    """Tab, Space and Enter, and what has to be typed: no pointer, and no key that a screen reader keeps."""
    site.world.view = replace(site.world.view, agent_public_key=AGENT.public_key().public_bytes_raw())
    page.goto(site.origin)
    press(page, "a.nhsuk-button", "Enter")
    page.wait_for_url("**/reason")
    press(page, "form button", "Enter")  # nothing chosen yet
    expect(page.locator(".nhsuk-error-summary")).to_be_focused()
    press(page, ".nhsuk-error-summary a", "Enter")
    expect(page.locator("#reason")).to_be_focused()
    page.keyboard.press("Space")
    press(page, "form button", "Enter")
    page.wait_for_url("**/pair")
    tab_to(page, "#pairing_code")
    page.keyboard.type(f"{PAIRING_CODE[:5]}-{PAIRING_CODE[5:]}")
    press(page, "form button", "Enter")
    page.wait_for_url("**/card")
    site.world.change(state=State.CARD_READ)
    page.wait_for_url("**/address")
    press(page, "input[name=words_match]", "Space")
    press(page, "form button", "Enter")
    page.wait_for_url("**/code")
    tab_to(page, "#code")
    page.keyboard.type(RIGHT_CODE)
    press(page, "form button", "Enter")
    page.wait_for_url("**/passcode")
    for field in ("#passcode", "#passcode-again"):
        tab_to(page, field)
        page.keyboard.type(GOOD_PASSCODE)
    press(page, "form > button", "Enter")
    page.wait_for_url("**/working")
    site.world.change(state=State.SUCCESS)
    page.wait_for_url("**/done")
    press(page, "main p > a[href='/']", "Enter")
    page.wait_for_url(f"{site.origin}/")


def press(page: Page, selector: str, key: str) -> None:
    """Go to an element by Tab, and press a key on it."""
    tab_to(page, selector)
    page.keyboard.press(key)


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus, as a person would; never more than 30 times."""
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement === document.querySelector(s)", selector):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            shadow = page.evaluate("getComputedStyle(document.activeElement).boxShadow")
            assert outline != "none" or shadow != "none"
            return
    raise AssertionError(f"{selector} is not reached by keyboard")


def test_the_error_summary_has_the_focus_after_a_wrong_code(page: Page, site: Site) -> None:
    reach_code(page, site)
    page.get_by_label("Security code").fill(WRONG_CODE)
    page.get_by_role("button", name="Continue").click()

    expect(page.locator(".nhsuk-error-summary")).to_be_focused()
    expect(page).to_have_title(re.compile("^Error: "))


def test_I9_a_second_tab_is_judged_by_its_own_digits(page: Page, site: Site) -> None:
    reach_code(page, site)
    second = page.context.new_page()
    second.goto(f"{site.origin}/code")
    page.get_by_label("Security code").fill(WRONG_CODE)
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".nhsuk-error-summary")).to_contain_text("You have 2 tries left")
    second.get_by_label("Security code").fill(RIGHT_CODE)
    second.get_by_role("button", name="Continue").click()
    second.wait_for_url("**/passcode")

    assert site.world.entries_left == 2


def test_the_mails_state_is_told_while_the_page_is_open(page: Page, site: Site) -> None:
    reach_code(page, site)
    expect(page.get_by_role("status")).to_contain_text("has not accepted it yet")
    site.world.status = code_status(Delivery.SENT)

    expect(page.get_by_role("status")).to_contain_text("We have sent a security code")


def test_the_page_says_when_it_has_lost_touch_and_comes_back(page: Page, site: Site) -> None:
    reach_card(page, site)
    site.world.failure["get_session"] = errors.unavailable()
    site.world.change(reader=Reader.NO_READER)
    expect(page.get_by_text("We have lost touch with this website")).to_be_visible()
    site.world.failure.clear()

    expect(page.get_by_role("status")).to_contain_text("No smartcard reader is connected")
    expect(page.get_by_text("We have lost touch with this website")).to_be_hidden(timeout=20_000)


def test_R13_up_to_the_code_page_nothing_needs_javascript(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.origin)
    expect(page.get_by_role("heading", name="JavaScript is off")).to_be_visible()
    page.goto(f"{site.origin}/open/{ADDRESS_TOKEN}")
    page.get_by_label("It is locked").check()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("link", name="Check again now")).to_be_visible()
    site.world.change(state=State.CARD_READ)
    page.wait_for_url("**/address")
    page.get_by_label("The unlock program on this computer shows these 3 words").check()
    page.get_by_role("button", name="Send me a code").click()
    page.get_by_label("Security code").fill(RIGHT_CODE)
    page.get_by_role("button", name="Continue").click()

    page.wait_for_url("**/passcode")
    expect(page.locator("form")).to_be_hidden()
    expect(page.locator("[data-error-code=JAVASCRIPT_OFF]")).to_be_visible()
    page.goto(f"{site.origin}/help/errors/PR20002")
    expect(page.get_by_role("heading", level=1)).to_contain_text("PR20002")
    context.close()


def test_R47_R54_the_start_page_names_what_the_browser_lacks(browser: Browser, site: Site) -> None:
    context = browser.new_context()
    context.add_init_script("crypto.subtle.generateKey = () => Promise.reject(new DOMException('no'))")
    page = context.new_page()
    page.goto(site.origin)
    expect(page.get_by_role("heading", name="Your browser is too old")).to_be_visible()
    expect(page.get_by_text("Your browser is ready")).to_be_hidden()
    context.close()


def test_R24_any_chromium_that_opens_the_address_is_ready(page: Page, site: Site) -> None:
    page.goto(site.origin)

    expect(page.get_by_text("Your browser is ready")).to_be_visible()
    expect(page.locator("[data-error-code]:visible")).to_have_count(0)


def test_a_page_says_three_minutes_before_that_its_time_ends_and_says_when_it_has(
    page: Page, site: Site
) -> None:
    page.clock.install()
    enter_session(page, site)
    site.world.change(state=State.CARD_READ, reader=Reader.CARD)
    page.goto(f"{site.origin}/address")
    limit = page.get_by_role("alert")
    page.clock.fast_forward("41:50")
    expect(limit).to_have_text("")

    page.clock.fast_forward("00:15")
    expect(limit).to_contain_text("Your time for this ends at 10:45")
    page.clock.fast_forward("03:00")
    expect(limit).to_contain_text("Your time for this has ended")
    limit.get_by_role("link", name="Start again").click()
    page.wait_for_url(f"{site.origin}/")


def test_who_is_signed_in_is_told_in_time_that_this_ends(page: Page, site: Site) -> None:
    page.clock.install()
    enter_session(page, site, reason=Reason.SIGN_IN)
    site.world.change(state=State.SUCCESS, reader=Reader.CARD, reason=Reason.SIGN_IN)
    page.goto(f"{site.origin}/profile")
    page.goto(f"{site.origin}/profile/contact")
    limit = page.get_by_role("alert")
    page.clock.fast_forward("07:05")
    expect(limit).to_contain_text("You are signed in until 10:10")
    page.clock.fast_forward("03:00")
    expect(limit).to_contain_text("What you have entered on this page has not been sent")


def test_a_page_opened_in_its_last_minutes_says_so_without_javascript(browser: Browser, site: Site) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    enter_session(page, site, ends_at=NOW + AFTERLIFE + WARNED_FOR)
    site.world.change(state=State.CARD_READ, reader=Reader.CARD)
    page.goto(f"{site.origin}/address")
    expect(page.get_by_role("alert")).to_contain_text("Your time for this ends at 10:03")
    context.close()
