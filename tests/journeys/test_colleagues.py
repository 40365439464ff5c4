"""At night: a holder without mail reads a code out, two colleagues vouch from afar, the card is unlocked.

Two workstations with a reader and an agent each, and two real browsers. R6, R60.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect
from smartcard_unlock.common.v1 import common_pb2
from smartcard_unlock.identity.v1 import identity_events_pb2

from deploy.local.child import wait_until
from deploy.local.demo_data import DemoCard, Plan
from deploy.local.keys import Keys
from deploy.local.stack import Stack
from tests.journeys.audit import Auditor, Record
from tests.journeys.in_chromium import PersonInChromium, another_browser, chromium
from tests.journeys.judge import Judge
from tests.journeys.leaks import files_under, records_on, search
from tests.journeys.person import mails_at, offer_of
from tests.journeys.workstation import another_workstation

pytestmark = [pytest.mark.kafka, pytest.mark.pcsc, pytest.mark.browser]

ON = {"REMOTE_VOUCH": "two-colleagues"}
NURSE, NIGHT_SHIFT, ON_CALL = "nurse", "night-shift", "on-call"
PLANS = (
    Plan(NURSE, "Blocked, holder has no address", "NO_EMAIL", mailbox=None),
    Plan(NIGHT_SHIFT, "Working card", "SUCCESS", blocked=False),
    Plan(ON_CALL, "Working card, holder has no address", "SUCCESS", blocked=False, mailbox=None),
)
VOUCHED = "smartcard_unlock.identity.v1.ColleagueVouched"


class Asker(PersonInChromium):
    """Whose card is blocked, and who gets no mail."""

    read_out = ""

    def ask(self) -> None:
        """From the blocked card to the code."""
        self.come_with_card()
        expect(self.tab.locator("[data-error-code=NO_EMAIL]")).to_be_visible()
        expect(self.tab.get_by_role("link", name="ra@example.org")).to_be_visible()
        self._press("Ask two colleagues to vouch for you", "/colleagues")
        self.tab.get_by_label("The unlock program on this computer shows these 3 words").check()
        self._press("Show me the code", "/colleagues/code")
        self.read_out = self.tab.locator(".app-read-out [aria-hidden]").inner_text()

    def is_told(self, words: str) -> None:
        """The page says it by itself."""
        expect(self.tab.get_by_text(words)).to_be_visible()

    def go_on(self) -> None:
        """From the second word to the last page."""
        self._press("Choose a new passcode", "/passcode")
        self._choose()
        self._answer()
        self._arrive("/done")


class Colleague(PersonInChromium):
    """Who is asked by telephone."""

    def vouch_from_afar(self, code: str, for_whom: DemoCard) -> str:
        """From the address that was read out to the word; what the last page says."""
        self.stack.slots.remove()
        self.tab.goto(self.stack.addresses.url("web") + "/vouch")
        self._arrive("/sign-in")
        self.session_id, address = offer_of(self.stack)
        self.tab.goto(address)
        self._arrive("/sign-in")
        self._press("Sign in", "/card")
        self._insert("/sign-in/words")
        self._confirm_words("/sign-in/passcode")
        self.tab.locator("#current-passcode").fill(self.card.pin)
        self._press("Sign in", "/working")
        self._answer()
        self._arrive("/vouch")
        self.tab.get_by_label("Code that your colleague reads out").fill(code.lower().replace("-", " "))
        self._press("Continue", "/vouch/person")
        expect(self.tab.get_by_text(f"Test Holder {int(for_whom.holder[-4:])}", exact=True)).to_be_visible()
        self.tab.get_by_label("By phone: I know their voice").check()
        self._press("I vouch for this person", "/vouch/person")
        expect(self.tab.get_by_role("heading", name="You have vouched for your colleague")).to_be_visible()
        told = self.tab.locator("main").inner_text()
        self.tab.get_by_role("button", name="Sign out").click()
        return told


@dataclass
class Story:
    """What happened, for those who judge."""

    stack: Stack
    auditor: Auditor
    nurse: Asker
    told: list[str]
    done: str = ""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[Story]:
    folder, on = tmp_path_factory.mktemp("colleagues"), {"identity": ON, "card_gateway": ON, "web": ON}
    with Stack(folder, keys, plans=PLANS, overrides=on, log_level="DEBUG") as stack:
        with another_workstation(stack) as there, chromium() as tab, another_browser(tab) as other_tab:
            story = Story(stack, Auditor(stack), Asker(stack, NURSE, tab), [])
            _happens(story, there, other_tab)
        yield story


def _happens(story: Story, there: Stack, other_tab: Page) -> None:
    nurse = story.nurse
    nurse.ask()
    for given, card in enumerate((NIGHT_SHIFT, ON_CALL)):
        nurse.is_told(f"{given} of 2 colleagues ha{'s' if given == 1 else 've'} vouched for you.")
        story.told.append(Colleague(there, card, other_tab).vouch_from_afar(nurse.read_out, nurse.card))
    nurse.is_told("2 of 2 colleagues have vouched for you.")
    nurse.go_on()
    story.done = nurse.tab.locator("main").inner_text()


def words_stored(stack: Stack) -> list[identity_events_pb2.ColleagueVouched]:
    """What audit stored of the colleagues' words, in their order."""
    with closing(sqlite3.connect(stack.folder / "audit.db")) as database:
        stored = "select body from records join bodies using (ce_id) where ce_type = ?"
        rows = database.execute(stored, (VOUCHED,)).fetchall()
    told = [identity_events_pb2.ColleagueVouched.FromString(row[0]) for row in rows]
    return sorted(told, key=lambda each: each.words_given)


def test_R53_the_card_takes_the_passcode_that_the_holder_chose(story: Story) -> None:
    assert "Your smartcard is unlocked and ready to use" in story.done
    assert "two colleagues vouched for you" in story.done
    judge = Judge(story.stack.pcsc)

    assert judge.pin_verifies(story.nurse.new_pin)
    assert not judge.pin_verifies(story.nurse.card.pin)


def test_each_colleague_is_told_how_many_have_vouched(story: Story) -> None:
    first, second = story.told
    assert "1 of 2 have vouched." in first
    assert "2 of 2 have vouched." in second


def test_D1_the_record_says_that_colleagues_let_the_card_through(story: Story) -> None:
    records = story.auditor.wait_for_records(story.nurse.session_id, 2)
    assert set(records) == {
        Record("identity", "REFUSED", "NO_EMAIL", "LOCKED", "SELF"),
        Record("card_gateway", "SUCCESS", "", "LOCKED", "SELF"),
    }
    actors = story.auditor.actors(story.nurse.session_id)

    assert actors["SUCCESS"].kind == common_pb2.ACTOR_KIND_COLLEAGUES


def test_D1_each_word_is_recorded_with_whose_it_is(story: Story) -> None:
    wait_until("both words", lambda: len(words_stored(story.stack)) == 2, 20)
    first, second = words_stored(story.stack)

    assert {first.card_ref, second.card_ref} == {story.nurse.card.card_ref}
    assert (first.basis, second.basis) == ("PHONE", "PHONE")
    assert (first.words_given, second.words_given, second.words_needed) == (1, 2, 2)
    assert len({first.actor.ref, second.actor.ref, second.holder_ref}) == 3
    assert story.auditor.actors(story.nurse.session_id)["SUCCESS"].ref == second.actor.ref


def test_the_ra_team_hears_of_it(story: Story) -> None:
    def told() -> list[dict[str, str]]:
        mails = mails_at(story.stack, "ra@example.org")
        return [mail for mail in mails if mail["subject"] == "Two colleagues vouched for a smartcard holder"]

    wait_until("the mail", lambda: bool(told()), 20)
    (mail,) = told()

    assert story.nurse.card.card_ref in mail["text"]


def test_I12_neither_the_code_nor_a_passcode_is_anywhere(story: Story) -> None:
    secrets = {
        "the code as it is shown": story.nurse.read_out,
        "the code as it is sent": story.nurse.read_out.replace("-", ""),
        "the new passcode": story.nurse.new_pin,
        "a colleague's passcode": story.stack.card(NIGHT_SHIFT).pin,
    }

    assert search(secrets, files_under(story.stack.folder)) == []
    assert search(secrets, records_on(story.stack.surroundings.kafka)) == []
