"""The pages of security questions, where they are asked, held to what every page is held to."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment
from playwright.sync_api import Browser, Page, expect

from services.web.domain.questions import AnswersRefused
from services.web.ports import Refused
from tests.fakes.web_peers import HOLDER, NOW, QUESTIONS, RA, RA_PROFILE, WRONG_CODE, code_status
from tests.web.conftest import Site, running_site
from tests.web.test_every_page import (
    CARD_IS_IN,
    RA_CARD,
    RA_HOLDER,
    READ,
    SIGNED_IN,
    Shown,
    passes,
)

pytestmark = pytest.mark.browser

TROUBLES = dict.fromkeys((each.code for each in QUESTIONS[:4]), "ANSWER_TOO_SHORT")
AWAITED = {"registration_grant": "registration-grant", "mailbox": "t…1@example.org"}


@pytest.fixture
def site(templates: Environment, tmp_path: Path) -> Iterator[Site]:
    """The application where security questions are asked."""
    with running_site(templates, tmp_path, SECURITY_QUESTIONS="required") as running:
        running.world.asked_first = True
        running.world.registration_status = code_status()
        running.world.refused_answers = AnswersRefused("ANSWERS_REFUSED", TROUBLES)
        running.world.refused_email = Refused("EMAIL_DOMAIN_NOT_ALLOWED")
        yield running


def wrong_answers(page: Page) -> None:
    for question in page.get_by_role("textbox").all():
        question.fill("another")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".nhsuk-error-summary")).to_be_focused()


def nothing_typed(page: Page) -> None:
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".nhsuk-error-summary")).to_be_focused()


def wrong_code(page: Page) -> None:
    page.get_by_label("Registration code").fill(WRONG_CODE)
    page.get_by_role("button", name="Complete the registration").click()
    expect(page.locator(".nhsuk-error-summary")).to_be_focused()


def no_reason(page: Page) -> None:
    page.get_by_role("button", name="End the lock").click()
    expect(page.locator(".nhsuk-error-summary")).to_be_focused()


def short_answers(page: Page) -> None:
    for place, question in enumerate(TROUBLES, start=1):
        page.get_by_label(f"Question {place}", exact=True).select_option(question)
        page.get_by_label(f"Answer {place}", exact=True).fill("ab")
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".nhsuk-error-summary")).to_be_focused()
    page.get_by_role("link", name="Answer 3: Enter an answer of at least 3 letters or digits").click()
    expect(page.get_by_label("Answer 3", exact=True)).to_be_focused()


def address_not_allowed(page: Page) -> None:
    page.get_by_role("button", name="Confirm and send me a code").click()
    expect(page.locator(".nhsuk-error-summary")).to_be_focused()


LOCKED = replace(HOLDER, cards=(replace(HOLDER.cards[0], answers_locked_at=NOW),))
AS_RA: dict[str, Any] = {"cookie": SIGNED_IN, "profile": RA_PROFILE, "holder": LOCKED}
SHOWN = [
    Shown("questions", "/questions", READ),
    Shown("questions-wrong", "/questions", READ, act=wrong_answers),
    Shown("questions-incomplete", "/questions", READ, act=nothing_typed),
    Shown("questions-locked", "/questions", READ, refused=Refused("ANSWERS_LOCKED", RA)),
    Shown("not-registered", "/address", READ, refused=Refused("NOT_REGISTERED", RA)),
    Shown("profile-not-registered", "/profile", CARD_IS_IN, cookie=SIGNED_IN),
    Shown("register", "/profile/questions", CARD_IS_IN, cookie=SIGNED_IN),
    Shown("register-refused", "/profile/questions", CARD_IS_IN, cookie=SIGNED_IN, act=short_answers),
    Shown(
        "register-email-refused",
        "/profile/questions/email",
        CARD_IS_IN,
        cookie=SIGNED_IN,
        act=address_not_allowed,
    ),
    Shown("register-email", "/profile/questions/email", CARD_IS_IN, cookie=SIGNED_IN),
    Shown("register-code", "/profile/questions/code", CARD_IS_IN, cookie=AWAITED),
    Shown("register-code-wrong", "/profile/questions/code", CARD_IS_IN, cookie=AWAITED, act=wrong_code),
    Shown("registered", "/profile/questions/done", CARD_IS_IN),
    Shown("ra-desk-questions", "/ra", **AS_RA),
    Shown("ra-holder-answers-locked", RA_HOLDER, **AS_RA),
    Shown("ra-answers", f"{RA_CARD}/answers", **AS_RA),
    Shown("ra-answers-error", f"{RA_CARD}/answers", **AS_RA, act=no_reason),
    Shown("help-holders-questions", "/help/holders"),
]


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown.name)
def test_R41_R48_every_page_of_questions_passes_axe_and_fits_narrow_and_wide_windows(
    browser: Browser, site: Site, shown: Shown
) -> None:
    passes(browser, site, shown)
