"""Pages of other websites in real Chromium: what the browser lets them ask of the JSON API. S15, S16."""

from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment
from playwright.sync_api import Page

from tests.fakes.web_peers import PAIRING_CODE
from tests.unit.web.front_end import attempt
from tests.web.conftest import Site, running_site
from tests.web.steps import reach_card

pytestmark = pytest.mark.browser

ASK = """async ([url, options]) => {
  try {
    const answer = await fetch(url, options);
    return {status: answer.status, told: answer.type === "opaque" ? null : await answer.json()};
  } catch (error) {
    return {blocked: error.name};
  }
}"""
"""What a page of that website can learn."""


def ask(page: Page, url: str, **options: Any) -> dict[str, Any]:
    answer: dict[str, Any] = page.evaluate(ASK, [url, options])
    return answer


def claim() -> str:
    body = f'"pairing_code": "{PAIRING_CODE}", "reason": "LOCKED", "attempt_id": "{attempt()}"'
    return f"{{{body}}}"


JSON = {"Content-Type": "application/json"}


def test_S15_a_page_of_another_website_can_neither_ask_nor_guess(page: Page, site: Site, origin: str) -> None:
    page.goto(f"{origin}/index.html")
    api = f"{site.origin}/api/v1"
    told = [
        ask(page, f"{api}/errors"),
        ask(page, f"{api}/sessions", method="POST", body=claim(), headers=JSON),
        ask(page, f"{api}/sessions", method="POST", body=claim()),
    ]
    # What needs no leave of ours is sent, and refused unseen.
    hidden = ask(page, f"{api}/sessions", method="POST", body=claim(), mode="no-cors")

    assert told == [{"blocked": "TypeError"}] * 3
    assert hidden in ({"status": 0, "told": None}, {"blocked": "TypeError"})
    assert site.world.names() == []


def test_F30_a_mail_read_on_a_website_opens_the_freeze_page_and_no_unlock_under_way_is_lost(
    page: Page, site: Site, origin: str
) -> None:
    reach_card(page, site)
    mail = page.context.new_page()
    mail.goto(f"{origin}/index.html")
    mail.evaluate("where => { location.href = where }", f"{site.origin}/freeze/{'t' * 22}")
    mail.get_by_role("button", name="Freeze").click()
    mail.get_by_role("heading", name="Your smartcard is frozen").wait_for()

    page.goto(f"{site.origin}/card")
    assert page.get_by_text("amber").first.is_visible()


def test_S16_a_listed_website_goes_on_with_its_token_and_gets_no_cookie(
    page: Page, templates: Environment, tmp_path: Path, origin: str
) -> None:
    with running_site(templates, tmp_path, API_ALLOWED_ORIGINS=origin) as site:
        page.goto(f"{origin}/index.html")
        api = f"{site.origin}/api/v1"
        claimed = ask(page, f"{api}/sessions", method="POST", body=claim(), headers=JSON)
        bearer = {"Authorization": f"Bearer {claimed['told']['session_token']}"}
        followed = ask(page, f"{api}/session", headers=bearer)
        with_cookies = ask(page, f"{api}/session", headers=bearer, credentials="include")

    assert (claimed["status"], followed["status"]) == (201, 200)
    assert followed["told"]["words"] == ["amber", "kettle", "orbit"]
    assert with_cookies == {"blocked": "TypeError"}
    assert page.context.cookies() == []
