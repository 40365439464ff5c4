"""The pages of help and the search for one's RA, held to what every page is held to."""

import pytest
from playwright.sync_api import Browser, Page, expect

from services.web.ports import RegistrationAuthority
from tests.fakes.web_peers import RA
from tests.web.conftest import Site
from tests.web.test_every_page import Shown, passes

pytestmark = pytest.mark.browser

RA_WITHOUT_CONTACT = RegistrationAuthority("A Test Organisation With A Rather Long Name", organisation="T02")


def no_organisation(page: Page) -> None:
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".nhsuk-error-summary")).to_be_focused()


SHOWN = [
    Shown("help", "/help"),
    Shown("help-holders", "/help/holders"),
    Shown("help-registration-authorities", "/help/registration-authorities"),
    Shown("help-it-teams", "/help/it-teams"),
    Shown("help-handout", "/help/handout"),
    Shown("help-approved-domains", "/help/approved-domains"),
    Shown("help-approved-domains-unknown", "/help/approved-domains?organisation=X99"),
    Shown("find-ra", "/find-ra", {"card_grant": ""}),
    Shown("find-ra-error", "/find-ra", {"card_grant": ""}, act=no_organisation),
    Shown("find-ra-of-this-card", "/find-ra"),
    Shown("find-ra-found", "/find-ra?organisation=test", found=(RA, RA_WITHOUT_CONTACT)),
    Shown("find-ra-none", "/find-ra?organisation=nothing", found=()),
]


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown.name)
def test_R38_every_page_of_help_passes_axe_and_fits_narrow_and_wide_windows(
    browser: Browser, site: Site, shown: Shown
) -> None:
    passes(browser, site, shown)
