"""An RA signs in by their own card, swaps the cards, vouches, and the holder chooses a passcode. R36.

One holder has no address, in real Chromium; another has one, over HTTP.
"""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Page
from smartcard_unlock.common.v1 import common_pb2
from smartcard_unlock.identity.v1 import identity_events_pb2

from deploy.local.child import wait_until
from deploy.local.demo_data import Plan
from deploy.local.keys import Keys
from deploy.local.stack import Stack
from services.audit.verify import audit_verify
from tests.journeys.audit import Auditor, Record
from tests.journeys.in_chromium import PersonInChromium, chromium
from tests.journeys.judge import Judge
from tests.journeys.leaks import files_under, records_on, search
from tests.journeys.pages import Shown
from tests.journeys.person import Person, code_offered, mails_to

pytestmark = [pytest.mark.kafka, pytest.mark.pcsc, pytest.mark.browser]

PLANS = (
    Plan("ra", "Working card of a Registration Authority", "SUCCESS", blocked=False, ra=True),
    Plan("addressless", "Blocked, holder has no address", "SUCCESS", mailbox=None),
    Plan("with-mail", "Blocked card", "SUCCESS"),
)
READY = "Receipt for this unlock"
DONE = [Record("card_gateway", "SUCCESS", "", "LOCKED", "RA_IN_PERSON")]


class RaInChromium(PersonInChromium):
    """The RA at the desk, with both cards in turn."""

    receipt = ""
    """Of the newest record of the history that was looked at."""

    def unlock_for(self, holder: Person) -> None:
        """From the RA's own card in the reader to the last page."""
        self._come_to_the_desk()
        self.tab.get_by_role("link", name="unlock a smartcard in person").click()
        self._arrive("/ra/in-person")
        self._swap(holder)
        self._vouch(holder)
        self.new_pin = holder.new_pin
        self._choose()
        self._answer()
        self._arrive("/done")

    def history_of(self, holder: Person) -> str:
        """Sign in again, find the holder, and read what is recorded of the card."""
        self.stack.slots.remove()
        self._come_to_the_desk()
        number = int(holder.card.holder[-4:])
        self.tab.get_by_label("Name, user identifier or smartcard reference").fill(holder.card.card_ref)
        self.tab.get_by_role("button", name="Find", exact=True).click()
        self.tab.get_by_role("link", name=f"Test Holder {number}", exact=True).click()
        self.tab.get_by_role("link", name=f"History of smartcard {holder.card.card_ref[:8]}").click()
        self._arrive("/history")
        with self.tab.expect_download() as download:
            self.tab.get_by_role("link", name="download its receipt").first.click()
        self.receipt = download.value.path().read_text()
        return self.tab.locator("main").inner_text()

    def _come_to_the_desk(self) -> None:
        self._open()
        self.tab.goto(self.tab.url.replace("/reason", "/sign-in"))
        self._press("Sign in", "/card")
        self.stack.slots.insert(self.card.name)
        self._arrive("/sign-in/words")
        self._words_match()
        self._press("Continue", "/sign-in/passcode")
        self.tab.locator("#current-passcode").fill(self.card.pin)
        self._press("Sign in", "/working")
        self._answer()
        self._arrive("/profile")
        self.tab.get_by_role("link", name="Registration Authority desk").click()
        self._arrive("/ra")

    def _swap(self, holder: Person) -> None:
        self.stack.slots.remove()
        self.stack.slots.insert(holder.card.name)
        holder.session_id, code = code_offered(self.stack)
        self.tab.get_by_label("Their smartcard is locked").check()
        self.tab.get_by_label("Code from the unlock program").fill(code.lower())
        self._press("Continue", "/ra/in-person/vouch")

    def _vouch(self, holder: Person) -> None:
        if f"Test Holder {int(holder.card.holder[-4:])}" not in self.tab.locator("main").inner_text():
            raise AssertionError("the page does not say whose card it is")
        self.tab.get_by_label("I compared them with a document").check()
        self._words_match()
        self._press("I vouch for this person", "/passcode")

    def _words_match(self) -> None:
        self.tab.get_by_label("The unlock program on this computer shows these 3 words").check()


@dataclass
class Story:
    """What happened, for those who judge."""

    stack: Stack
    auditor: Auditor
    addressless: Person
    with_mail: Person
    last_page: str = ""
    signed_out_at: str = ""
    receipt: str = ""
    history: str = ""
    kept: str = ""
    refused: Shown = field(default_factory=lambda: Shown("", 0, ""))
    done: Shown = field(default_factory=lambda: Shown("", 0, ""))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[Story]:
    with Stack(tmp_path_factory.mktemp("in-person"), keys, plans=PLANS, log_level="DEBUG") as stack:
        told = Story(stack, Auditor(stack), Person(stack, "addressless"), Person(stack, "with-mail"))
        with chromium() as page:
            _in_the_browser(told, page)
        stack.slots.remove()
        _over_http(told)
        yield told


def _in_the_browser(story: Story, page: Page) -> None:
    ra = RaInChromium(story.stack, "ra", page)
    ra.unlock_for(story.addressless)
    story.last_page = page.locator("main").inner_text()
    origin = page.url.removesuffix("/done")
    wait_until("a receipt", lambda: READY in _text_at(page, f"{origin}/receipt"), 20)
    story.receipt = page.locator("main").inner_text()
    page.goto(f"{origin}/ra")
    story.signed_out_at = page.url
    story.history, story.kept = ra.history_of(story.addressless), ra.receipt


def _text_at(page: Page, address: str) -> str:
    page.goto(address)
    return page.locator("main").inner_text()


def _over_http(story: Story) -> None:
    """The RA's own card is still in the reader at first: nobody vouches for themselves."""
    ra, holder = Person(story.stack, "ra"), story.with_mail
    ra.sign_in()
    ra.begin_in_person()
    story.refused = ra.wait_past("/card")
    story.stack.slots.remove()
    story.stack.slots.insert(holder.card.name)
    holder.session_id = ra.begin_in_person()
    ra.wait_past("/card")
    ra.vouch()
    ra.new_pin = holder.new_pin
    ra.choose_passcode()
    ra.answer_agent()
    story.done = ra.wait_for_end()


def vouches(stack: Stack) -> dict[str, identity_events_pb2.VouchedInPerson]:
    """What audit stored of the vouches, by session."""
    kind = "smartcard_unlock.identity.v1.VouchedInPerson"
    with closing(sqlite3.connect(stack.folder / "audit.db")) as database:
        stored = "select body from records join bodies using (ce_id) where ce_type = ?"
        rows = database.execute(stored, (kind,)).fetchall()
    told = [identity_events_pb2.VouchedInPerson.FromString(row[0]) for row in rows]
    return {each.session_id: each for each in told}


def test_R36_R53_the_card_takes_the_new_passcode_and_not_the_old_one(story: Story) -> None:
    assert "Your smartcard is unlocked and ready to use" in story.last_page
    assert "vouched for the holder" in story.last_page
    judge = Judge(story.stack.pcsc)
    for holder in (story.with_mail, story.addressless):
        story.stack.slots.remove()
        story.stack.slots.insert(holder.card.name)
        assert judge.pin_verifies(holder.new_pin)
        assert not judge.pin_verifies(holder.card.pin)


def test_R36_D1_the_record_names_the_route_and_who_vouched(story: Story) -> None:
    for holder in (story.addressless, story.with_mail):
        assert story.auditor.wait_for_records(holder.session_id) == DONE
    wait_until("both vouches", lambda: len(vouches(story.stack)) == 2, 20)
    first, second = (vouches(story.stack)[h.session_id] for h in (story.addressless, story.with_mail))
    assert first.card_ref == story.addressless.card.card_ref
    assert (first.basis, second.basis) == ("PHOTO_ID", "KNOWN")
    assert first.actor == second.actor
    assert first.actor.kind == common_pb2.ACTOR_KIND_RA
    assert first.actor.ref not in ("", first.holder_ref, second.holder_ref)


def test_R36_nobody_vouches_for_themselves(story: Story) -> None:
    assert story.refused.codes == ["OWN_CARD"]
    assert story.done.path == "/done"


def test_R64_a_holder_with_an_address_is_asked_was_this_you(story: Story) -> None:
    wait_until("the mail", lambda: bool(mails_to(story.stack, story.with_mail.card)), 20)
    (mail,) = mails_to(story.stack, story.with_mail.card)

    assert "was this you?" in mail["subject"]


def test_R20_an_unlock_in_person_saves_no_hours(story: Story) -> None:
    for holder in (story.addressless, story.with_mail):
        story.auditor.wait_for_records(holder.session_id)

    assert story.auditor.saved_minutes() == 0


def test_R36_there_is_a_receipt_and_the_ra_is_signed_out_before_the_holder_types(story: Story) -> None:
    assert READY in story.receipt
    assert story.signed_out_at.endswith("/sign-in")


def test_R25_D1_an_ra_reads_the_history_of_the_card_the_newest_first(story: Story) -> None:
    unlocked, vouched = (
        story.history.find(words)
        for words in ("The smartcard was unlocked", "The holder was vouched for in person")
    )

    assert 0 < unlocked < vouched
    assert "By a Registration Authority, in person." in story.history
    assert "of the signed audit log" in story.history
    assert story.addressless.session_id in story.history


def test_R25_D1_the_receipt_of_a_record_is_one_that_anybody_verifies(story: Story, tmp_path: Path) -> None:
    (tmp_path / "receipt").write_text(story.kept)
    files = [audit_verify.__file__, str(tmp_path / "receipt"), str(story.stack.keys.audit_log_public)]
    done = subprocess.run([sys.executable, *files], capture_output=True, text=True, timeout=30, check=False)

    assert (done.returncode, "VERIFIED" in done.stdout) == (0, True), done.stdout + done.stderr


def test_I12_no_passcode_is_anywhere(story: Story) -> None:
    secrets = {
        "the RA's passcode": story.stack.card("ra").pin,
        "a new passcode": story.addressless.new_pin,
        "another new passcode": story.with_mail.new_pin,
    }

    assert search(secrets, files_under(story.stack.folder)) == []
    assert search(secrets, records_on(story.stack.surroundings.kafka)) == []
