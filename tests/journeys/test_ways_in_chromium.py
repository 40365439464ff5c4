"""Each reason to come, each "no" before a code, and the profile: as people see them, in a real browser.

The main way, a locked card, is told by `test_unlock.py`.
"""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from deploy.local.child import wait_until
from deploy.local.demo_data import PLANS, Plan
from deploy.local.keys import Keys
from deploy.local.stack import Stack
from services.web.domain.errors import entry_for
from tests.journeys.in_chromium import PersonInChromium, chromium
from tests.journeys.judge import Judge
from tests.journeys.person import codes_mailed, mails_at

pytestmark = [pytest.mark.kafka, pytest.mark.pcsc, pytest.mark.browser]

WAYS = tuple(
    Plan(name, "Working card", "SUCCESS", blocked=False) for name in ("forgetful", "careful", "moved")
)
LEFT = Plan("left", "Blocked, its holder has left", "CARD_NOT_ACTIVE", holder_status="LEFT")
BEFORE_A_CODE = {"NO_EMAIL", "EMAIL_DOMAIN_NOT_ALLOWED", "CERTIFICATE_EXPIRED", "CARD_NOT_ACTIVE"}
REFUSED = [plan for plan in (*PLANS, LEFT) if plan.ends in BEFORE_A_CODE]
NEW_ADDRESS = "test-holder-who-moved@example.org"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("ways"), keys, plans=(*WAYS, *REFUSED)) as running:
        yield running


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with chromium() as page:
        yield page


def test_R2_R52_who_has_forgotten_the_passcode_sets_a_new_one(stack: Stack, tab: Page) -> None:
    person = PersonInChromium(stack, "forgetful", tab, reason="FORGOTTEN")
    person.unlock_in_browser()

    expect(tab.locator("h1")).to_have_text("Your passcode is changed and your smartcard is ready to use")
    assert Judge(stack.pcsc).pin_verifies(person.new_pin)


def test_R2_who_knows_the_passcode_changes_it_without_a_code(stack: Stack, tab: Page) -> None:
    person = PersonInChromium(stack, "careful", tab, reason="CHANGE")
    person.change_in_browser()

    expect(tab.locator("h1")).to_have_text("Your passcode is changed and your smartcard is ready to use")
    assert codes_mailed(stack, person.card) == []
    assert Judge(stack.pcsc).pin_verifies(person.new_pin)


def test_R31_R56_R64_a_holder_changes_the_address_pulls_the_card_and_freezes_it_from_the_mail(
    stack: Stack, tab: Page
) -> None:
    person = PersonInChromium(stack, "moved", tab)
    person.sign_in_in_browser()
    tab.get_by_role("button", name="Modify contact details").click()
    tab.get_by_label("Work email address").fill(NEW_ADDRESS)
    tab.get_by_role("button", name="Update contact").click()
    expect(tab.get_by_text(NEW_ADDRESS).first).to_be_visible()

    stack.slots.remove()
    expect(tab.locator("h1")).to_have_text("Your smartcard is no longer in the reader")
    assert NEW_ADDRESS not in tab.content()

    old_address = person.card.address or ""
    wait_until("the mail", lambda: bool(mails_at(stack, old_address)), 20)
    link = re.search(r"^http\S+/freeze/\S+$", mails_at(stack, old_address)[0]["text"], re.M)
    assert link is not None
    tab.goto(link[0])
    tab.get_by_role("button", name="Freeze my smartcard").click()
    expect(tab.locator("h1")).to_have_text("Your smartcard is frozen")
    person.sign_in_in_browser(ends="CARD_FROZEN")


@pytest.mark.parametrize("plan", REFUSED, ids=lambda plan: plan.name)
def test_R5_R6_R63_R37_who_is_refused_reads_what_to_do_and_whom_to_ask(
    stack: Stack, tab: Page, plan: Plan
) -> None:
    person = PersonInChromium(stack, plan.name, tab)
    person.come_with_card()

    entry = entry_for(plan.ends)
    expect(tab.locator("h1")).to_have_text(entry.title)
    for sentence in (entry.happened, entry.next_step):
        expect(tab.get_by_text(sentence, exact=True)).to_be_visible()
    expect(tab.get_by_role("link", name=re.compile(plan.ends.replace("_", ".?")))).to_be_visible()
    expect(tab.get_by_role("heading", name="Your Registration Authority (smartcard team)")).to_be_visible()
    expect(tab.get_by_role("link", name="ra@example.org")).to_be_visible()
    assert codes_mailed(stack, person.card) == []
