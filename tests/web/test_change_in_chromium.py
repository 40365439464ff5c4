"""Reason CHANGE in real Chromium: by keyboard from the reason to the end, both passcodes sealed apart."""

from dataclasses import replace
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from playwright.sync_api import Page, expect

from services.web.domain.journey import Reason, State
from services.web.ports import Reader
from tests.fakes.web_peers import ADDRESS_TOKEN, SESSION_ID
from tests.web.conftest import Site
from tests.web.steps import AGENT, GOOD_PASSCODE, SUITE, change, enter_session
from tests.web.test_pages_in_chromium import tab_to

pytestmark = pytest.mark.browser

CURRENT_PASSCODE = "123456"
"""A weak one: what a card has may be so, what it gets may not."""


def open_change_page(page: Page, site: Site) -> None:
    """Be on the page of a change at once, the words confirmed."""
    enter_session(page, site, reason=Reason.CHANGE, words_confirmed=True)
    key = AGENT.public_key().public_bytes_raw()
    site.world.change(
        state=State.CARD_READ, reason=Reason.CHANGE, code_needed=False, tries_left=3, agent_public_key=key
    )
    page.goto(f"{site.origin}/passcode")


def test_R2_R52_a_change_by_keyboard_seals_both_passcodes_each_for_its_own_use(
    page: Page, site: Site
) -> None:
    bodies: list[str] = []
    page.on("request", lambda request: bodies.append(f"{request.url} {request.post_data or ''}"))
    site.world.view = replace(site.world.view, agent_public_key=AGENT.public_key().public_bytes_raw())
    page.goto(f"{site.origin}/open/{ADDRESS_TOKEN}")
    tab_to(page, "[name=reason][value=LOCKED]")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/card")
    site.world.change(state=State.CARD_READ, reader=Reader.CARD, tries_left=3)
    page.wait_for_url("**/change")
    tab_to(page, "[name=words_match]")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.wait_for_url("**/passcode")
    for field, typed in (("current-passcode", CURRENT_PASSCODE), ("passcode", GOOD_PASSCODE)):
        tab_to(page, f"#{field}")
        page.keyboard.type(typed)
    tab_to(page, "#passcode-again")
    page.keyboard.type(GOOD_PASSCODE)
    page.keyboard.press("Enter")
    page.wait_for_url("**/working")

    attempt_id, new = site.world.resets()[0]
    current = next(what[0] for name, what in site.world.calls if name == "change_pin")  # type: ignore[index]
    context = f"{SESSION_ID}|{attempt_id}"
    as_new, as_current = (f"smartcard-unlock/{kind}/v1|{context}".encode() for kind in ("pin", "current-pin"))
    assert SUITE.decrypt(new, AGENT, info=as_new) == GOOD_PASSCODE.encode()
    assert SUITE.decrypt(current, AGENT, info=as_current) == CURRENT_PASSCODE.encode()
    for sealed, info in ((new, as_current), (current, as_new)):
        with pytest.raises(InvalidTag):
            SUITE.decrypt(sealed, AGENT, info=info)
    assert not any(typed in body for body in bodies for typed in (CURRENT_PASSCODE, GOOD_PASSCODE))


@pytest.mark.parametrize(
    ("current", "passcode", "again", "sentence", "field"),
    [
        ("", GOOD_PASSCODE, None, "Enter your current passcode", "current-passcode"),
        ("12", GOOD_PASSCODE, None, "must be 4 to 8 digits", "current-passcode"),
        (GOOD_PASSCODE, GOOD_PASSCODE, None, "is not your current passcode", "passcode"),
        (CURRENT_PASSCODE, "654321", None, "count up or down", "passcode"),
        (CURRENT_PASSCODE, GOOD_PASSCODE, "860247", "are not the same", "passcode-again"),
    ],
)
def test_R51_S51_what_is_no_change_is_told_at_its_field_before_it_costs_a_try(
    page: Page, site: Site, current: str, passcode: str, again: str | None, sentence: str, field: str
) -> None:
    open_change_page(page, site)
    change(page, current, passcode, again)

    expect(page.locator(".nhsuk-error-summary")).to_be_focused()
    expect(page.locator(f"#{field}-error")).to_contain_text(sentence)
    expect(page.locator(f"#{field}")).to_have_attribute("aria-invalid", "true")
    assert "reset_pin" not in site.world.names()


def test_R31_signing_in_seals_the_passcode_for_that_alone(page: Page, site: Site) -> None:
    enter_session(page, site, reason=Reason.SIGN_IN, words_confirmed=True)
    key = AGENT.public_key().public_bytes_raw()
    signing_in = {"reason": Reason.SIGN_IN, "code_needed": False, "tries_left": 3}
    site.world.change(state=State.CARD_READ, agent_public_key=key, **signing_in)
    page.goto(f"{site.origin}/sign-in/passcode")
    page.get_by_label("Passcode", exact=True).fill("12")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#current-passcode-error")).to_contain_text("must be 4 to 8 digits")
    page.get_by_label("Passcode", exact=True).fill(CURRENT_PASSCODE)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/working")

    proven: Any = next(what for name, what in site.world.calls if name == "prove_holder")
    attempt_id, sealed, _ = proven
    context = f"{SESSION_ID}|{attempt_id}"
    assert SUITE.decrypt(sealed, AGENT, info=f"smartcard-unlock/sign-in-pin/v1|{context}".encode()) == (
        CURRENT_PASSCODE.encode()
    )
    with pytest.raises(InvalidTag):
        SUITE.decrypt(sealed, AGENT, info=f"smartcard-unlock/current-pin/v1|{context}".encode())
