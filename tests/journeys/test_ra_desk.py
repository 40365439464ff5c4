"""At the desk of a Registration Authority, in real Chromium: what the RA does lets a holder unlock elsewhere.

Two browsers, one workstation: the holder comes when the RA's card is out of the reader again.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from playwright.sync_api import Page, expect

from deploy.local.child import wait_until
from deploy.local.demo_data import Plan
from deploy.local.keys import Keys
from deploy.local.stack import Stack
from tests.journeys.audit import Auditor, Record
from tests.journeys.in_chromium import PersonInChromium, chromium
from tests.journeys.judge import Judge
from tests.journeys.person import mails_at

pytestmark = [pytest.mark.kafka, pytest.mark.pcsc, pytest.mark.browser]

PLANS = (
    Plan("ra", "Working card of a Registration Authority", "SUCCESS", blocked=False, ra=True),
    Plan("second-ra", "Working card of another one", "SUCCESS", blocked=False, ra=True),
    Plan("waiting", "Blocked, holder has no address", "SUCCESS", mailbox=None),
    Plan("addressless", "Blocked, holder has no address", "SUCCESS", mailbox=None),
    Plan("locked-out", "Blocked card", "SUCCESS"),
)
CONFIRMED_ADDRESS = "test-holder-with-two-ras@example.org"
NEW_ADDRESS = "test-holder-reached-again@example.org"
TEAM = "ra@example.org"
UNLOCKED = Record("card_gateway", "SUCCESS", "", "LOCKED", "SELF")


class Holder(PersonInChromium):
    """A holder who comes a second time: the code is in a mail that was not there before."""

    mails_before = 0

    def read_mail(self, older: int = 0) -> str:
        """The code of the newest mail."""
        return super().read_mail(older + self.mails_before)

    def lock_out(self) -> None:
        """Ask for a code, and enter a wrong one three times."""
        self.come_with_card()
        self._ask()
        wrong = f"{(int(self.read_mail()) + 1) % 10**8:08}"
        for _ in range(3):
            self.tab.get_by_label("Security code", exact=True).fill(wrong)
            self._press("Continue", "/code")
        self.mails_before = 1


class RaAtDesk(PersonInChromium):
    """An RA who is signed in."""

    def find(self, holder: PersonInChromium) -> None:
        """Open a holder's page, found by name."""
        name = f"Test Holder {int(holder.card.holder[-4:])}"
        self.tab.goto(self.stack.addresses.url("web") + "/ra")
        self.tab.get_by_label("Name, user identifier or smartcard reference").fill(name)
        self.tab.get_by_role("button", name="Find").click()
        self.tab.get_by_role("link", name=name, exact=True).click()
        expect(self.tab.locator("h1")).to_contain_text(name)

    def add_address(self, holder: PersonInChromium, address: str) -> None:
        """Add an address for a holder who has none."""
        self.find(holder)
        self.tab.get_by_role("button", name="Add an email address").click()
        self.tab.get_by_label("Work email address of the holder").fill(address)
        self.tab.get_by_label("There was no address").check()
        self.tab.get_by_role("button", name="Set the address").click()

    def confirm_address(self, holder: PersonInChromium, address: str) -> None:
        """Confirm the address that a colleague proposed, found on the desk."""
        self.tab.goto(self.stack.addresses.url("web") + "/ra")
        self.tab.get_by_role("link", name=f"Test Holder {int(holder.card.holder[-4:])}", exact=True).click()
        expect(self.tab.get_by_text(address)).to_be_visible()
        self.tab.get_by_role("button", name="Confirm the address").click()

    def end_lock(self, holder: PersonInChromium) -> None:
        """End the lock that wrong codes led to."""
        self.find(holder)
        self.tab.get_by_role("link", name="End the lock").click()
        self.tab.get_by_label("The holder mistyped").check()
        self.tab.get_by_role("button", name="End the lock").click()


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("desk"), keys, plans=PLANS) as running:
        yield running


@pytest.fixture(scope="module")
def ra(stack: Stack) -> Iterator[RaAtDesk]:
    with chromium() as tab:
        signed_in = RaAtDesk(stack, "ra", tab)
        signed_in.sign_in_in_browser()
        yield signed_in


def coming(ra: RaAtDesk, card: str) -> Holder:
    """A holder with a browser of their own."""
    browser = ra.tab.context.browser
    assert browser is not None
    return Holder(ra.stack, card, browser.new_page())


@pytest.fixture
def two_ras(stack: Stack) -> Iterator[Stack]:
    """The same stack, where a second RA has to confirm an address."""
    identity = stack.children["identity"]
    for policy in ("required", "off"):
        identity.stop()
        identity.env |= {"SECOND_RA": policy}
        identity.start()
        if policy == "required":
            yield stack


def shows(tab: Page, code: str) -> None:
    expect(tab.locator(f"[data-error-code={code}]").first).to_be_visible()


def recorded(stack: Stack, session_id: str) -> list[Record]:
    """What audit has of a session; asked from another thread, since Playwright's loop runs in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(Auditor(stack).wait_for_records, session_id).result()


def test_R7_R25_an_ra_adds_an_address_for_a_locked_card_and_its_holder_unlocks_minutes_later(
    ra: RaAtDesk,
) -> None:
    holder = coming(ra, "addressless")
    holder.come_with_card()
    shows(holder.tab, "NO_EMAIL")
    ra.stack.slots.remove()

    ra.add_address(holder, NEW_ADDRESS)
    expect(ra.tab.get_by_role("heading", name="The email address is set")).to_be_visible()
    for address in (NEW_ADDRESS, TEAM):
        wait_until("a mail", lambda address=address: bool(mails_at(ra.stack, address)), 20)  # type: ignore[misc]

    holder.card = replace(holder.card, address=NEW_ADDRESS)
    holder.unlock_in_browser()
    expect(holder.tab.locator("h1")).to_have_text("Your smartcard is unlocked and ready to use")
    assert Judge(ra.stack.pcsc).pin_verifies(holder.new_pin)
    assert recorded(ra.stack, holder.session_id) == [UNLOCKED]
    holder.tab.close()


def test_R48_an_ra_ends_the_lock_of_wrong_codes_and_the_holder_unlocks(ra: RaAtDesk) -> None:
    holder = coming(ra, "locked-out")
    holder.lock_out()
    shows(holder.tab, "LOCKED_TO_RA")
    [locked] = recorded(ra.stack, holder.session_id)
    assert (locked.source, locked.kind) == ("otp", "LOCKED_TO_RA")

    ra.end_lock(holder)
    expect(ra.tab.get_by_role("heading", name="The lock is ended")).to_be_visible()
    expect(ra.tab.get_by_text("3 wrong security codes of the last 365 days still count")).to_be_visible()

    holder.unlock_in_browser()
    assert recorded(ra.stack, holder.session_id) == [UNLOCKED]
    ra.find(holder)
    ra.tab.get_by_role("link", name="What was changed").click()
    expect(ra.tab.get_by_role("heading", name="Lock of security codes ended")).to_be_visible()
    holder.tab.close()


def test_R7_R25_where_two_ras_look_at_an_address_the_holder_unlocks_once_the_second_has_confirmed_it(
    ra: RaAtDesk, two_ras: Stack
) -> None:
    browser = ra.tab.context.browser
    assert browser is not None
    second = RaAtDesk(two_ras, "second-ra", browser.new_page())
    second.sign_in_in_browser()
    two_ras.slots.remove()

    holder = coming(ra, "waiting")
    ra.add_address(holder, CONFIRMED_ADDRESS)
    expect(ra.tab.get_by_role("heading", name="The email address waits for a colleague")).to_be_visible()
    ra.tab.goto(two_ras.addresses.url("web") + f"/ra/holders/{_reference(ra)}/proposal")
    expect(ra.tab.get_by_text("You proposed it, so you cannot confirm it")).to_be_visible()

    holder.come_with_card()
    shows(holder.tab, "ADDRESS_WAITS")
    expect(holder.tab.get_by_role("link", name=TEAM)).to_be_visible()
    assert mails_at(two_ras, CONFIRMED_ADDRESS) == []
    wait_until("the mail to the team", lambda: any(_waits(mail) for mail in mails_at(two_ras, TEAM)), 20)
    two_ras.slots.remove()

    second.confirm_address(holder, CONFIRMED_ADDRESS)
    expect(second.tab.get_by_role("heading", name="The email address is set")).to_be_visible()
    two_ras.slots.remove()

    holder.card = replace(holder.card, address=CONFIRMED_ADDRESS)
    wait_until("the mail", lambda: bool(mails_at(two_ras, CONFIRMED_ADDRESS)), 20)
    holder.unlock_in_browser()
    assert recorded(two_ras, holder.session_id) == [UNLOCKED]
    for tab in (holder.tab, second.tab):
        tab.close()


def _waits(mail: dict[str, str]) -> bool:
    return "It does not count until another member of your team confirms it" in mail["text"]


def _reference(ra: RaAtDesk) -> str:
    """The holder whose page the RA was on."""
    path = ra.tab.get_by_role("link", name="Back to").get_attribute("href") or ""
    return path.rpartition("/")[2]
