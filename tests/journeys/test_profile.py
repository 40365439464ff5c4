"""A holder whose card works signs in with it, and sets how they can be reached. Both addresses hear of it."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from html import unescape

import pytest

from deploy.local.child import wait_until
from deploy.local.demo_data import Plan
from deploy.local.keys import Keys
from deploy.local.stack import Stack
from tests.journeys.audit import Auditor, Record
from tests.journeys.conftest import SPARES, WORKING
from tests.journeys.judge import Judge
from tests.journeys.leaks import files_under, records_on, search
from tests.journeys.pages import Browser, Shown
from tests.journeys.person import Person, agent_status, codes_at, mails_at

pytestmark = [pytest.mark.kafka, pytest.mark.pcsc]

SUBJECT = "Your email address was changed: was this you?"
NEW_ADDRESS, MOBILE = "test-holder-of-a-new-mailbox@example.org", "07700 900123"
PLANS = (*WORKING, SPARES[0], Plan("addressless", "Working card", "SUCCESS", blocked=False, mailbox=None))


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[Stack]:
    with Stack(tmp_path_factory.mktemp("profile"), keys, plans=PLANS, log_level="DEBUG") as running:
        yield running


@dataclass
class Story:
    """A holder who signed in and changed the address, and the pages on the way."""

    stack: Stack
    person: Person
    old_address: str
    profile: Shown
    refused: Shown
    updated: Shown


@pytest.fixture(scope="module")
def story(stack: Stack) -> Story:
    person = Person(stack, "working-1")
    profile = person.sign_in()
    refused = person.update_contact("Test-Holder@Example.COM", MOBILE)
    updated = person.update_contact(NEW_ADDRESS.replace("example.org", "EXAMPLE.org"), MOBILE)
    return Story(stack, person, person.card.address or "", profile, refused, updated)


def audited(stack: Stack) -> list[str]:
    """Types of the events that audit stored."""
    with closing(sqlite3.connect(stack.folder / "audit.db")) as database:
        return [row[0] for row in database.execute("select ce_type from records")]


def test_R31_R32_R40_a_holder_signs_in_sees_the_profile_and_changes_address_and_number(story: Story) -> None:
    assert (story.profile.path, story.old_address in unescape(story.profile.html)) == ("/profile", True)
    assert (story.refused.path, story.refused.codes) == ("/profile/contact", ["EMAIL_DOMAIN_NOT_ALLOWED"])
    assert story.updated.path == "/profile/updated"
    for words in (NEW_ADDRESS, "+447700900123"):
        assert words in unescape(story.updated.html)
    assert Judge(story.stack.pcsc).pin_verifies(story.person.card.pin)


def test_R64_both_addresses_hear_of_it_and_the_audit_has_it(story: Story) -> None:
    for address in (NEW_ADDRESS, story.old_address):
        wait_until("a mail", lambda address=address: bool(mails_at(story.stack, address)), 20)  # type: ignore[misc]
        assert mails_at(story.stack, address)[0]["subject"] == SUBJECT
    assert "do not come here any more" in mails_at(story.stack, story.old_address)[0]["text"]
    expected = [Record("card_gateway", "SUCCESS", "", "SIGN_IN", "SELF")]
    assert Auditor(story.stack).wait_for_records(story.person.session_id) == expected
    changed = "smartcard_unlock.identity.v1.ContactChanged"
    wait_until("the record", lambda: changed in audited(story.stack), 20)


def test_R7_R31_a_code_goes_to_the_new_address_at_once(story: Story) -> None:
    story.stack.slots.remove()
    person = Person(story.stack, "working-1", "FORGOTTEN")
    person.open_journey()
    person.say_why()
    assert person.insert_card().path == "/address"
    person.ask_for_code()

    wait_until("the code", lambda: bool(codes_at(story.stack, NEW_ADDRESS)), 20)
    assert codes_at(story.stack, story.old_address) == []


def test_R64_the_mail_of_a_change_freezes_the_card_and_the_ra_team_hears_of_it(story: Story) -> None:
    stack = story.stack
    wait_until("a mail", lambda: bool(mails_at(stack, story.old_address)), 20)
    page = re.search(r"^http\S+(/freeze/\S+)$", mails_at(stack, story.old_address)[0]["text"], re.M)
    assert page is not None
    reader = Browser(stack.addresses.url("web"))
    assert reader.get(page[1]).status == 200
    person = Person(stack, "working-1")
    assert person.sign_in().codes == []  # opening it changed nothing

    assert "Your smartcard is frozen" in reader.post(reader.get(page[1])).html
    assert person.browser.get("/profile").codes == ["CARD_FROZEN"]
    wait_until("the alert", lambda: bool(mails_at(stack, "ra@example.org")), 20)
    assert story.person.card.card_ref in mails_at(stack, "ra@example.org")[0]["text"]


def test_R30_R34_who_has_no_address_is_nudged_on_the_profile_and_adds_one(stack: Stack) -> None:
    person = Person(stack, "addressless")
    shown = person.sign_in()
    assert (shown.path, shown.codes) == ("/profile", ["NO_EMAIL"])

    address = "test-holder-at-last@example.org"
    assert person.update_contact(address).path == "/profile/updated"
    wait_until("the mail", lambda: len(mails_at(stack, address)) == 1, 20)
    assert person.browser.get("/profile").codes == []


def test_R31_R56_a_profile_is_closed_by_pulling_its_card_and_stays_so_when_it_is_back(stack: Stack) -> None:
    person = Person(stack, "working-2")
    person.sign_in()
    assert person.update_contact(f"test-holder-of-{person.card.name}@example.org").path == "/profile/updated"
    stack.slots.remove()
    shown = person.wait_for(lambda page: page.codes == ["CARD_LEFT"], "the profile to close")
    assert "test-holder" not in unescape(shown.html)

    stack.slots.insert(person.card.name)
    wait_until("the card", lambda: agent_status(stack).get("reader_state") == "CARD", 20)
    assert person.browser.get("/profile").codes == ["CARD_LEFT"]
    assert person.browser.get("/profile/contact").codes == ["CARD_LEFT"]
    assert Person(stack, "working-2").sign_in().path == "/profile"


def test_R31_a_wrong_passcode_tells_the_tries_left_and_the_right_one_signs_in(stack: Stack) -> None:
    person = Person(stack, "working-2")
    person.begin_sign_in()
    shown = person.prove(person.new_pin)
    assert shown.path == "/sign-in/passcode"
    assert "CURRENT_PIN_WRONG" in shown.html
    tries = stack.slots.counters("working-2")["pin_left"]
    assert f"You have {tries} tries left" in unescape(shown.html)

    assert person.prove(person.card.pin).path == "/profile"


def test_R31_R56_a_locked_card_signs_nobody_in_and_leads_to_the_unlock(stack: Stack) -> None:
    person = Person(stack, SPARES[0].name)
    shown = person.begin_sign_in()
    assert (shown.path, shown.codes) == ("/other-reason", ["CARD_LOCKED"])

    assert person.choose_other_reason("LOCKED").path == "/address"


def test_I12_no_passcode_address_or_number_is_anywhere_but_in_identity(story: Story) -> None:
    secrets = {
        "the passcode": story.person.card.pin,
        "the new address": NEW_ADDRESS,
        "the number as an address": "+447700900123",  # kept beside it, and as private
    }

    assert search(secrets, files_under(story.stack.folder)) == []
    assert search(secrets, records_on(story.stack.surroundings.kafka)) == []
