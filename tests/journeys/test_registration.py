"""The old service's registration, where a deployment asks for it: register, lock the card, answer, unlock.

S1 told as one story in a real browser, and what three wrong answers lead to. R41, R42, R43, R48, R57, R58.
"""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from playwright.sync_api import Page, expect

from deploy.local.child import wait_until
from deploy.local.demo_data import Plan
from deploy.local.keys import Keys
from deploy.local.stack import Stack
from services.identity.domain.questions import normalised
from tests.journeys.in_chromium import PersonInChromium, chromium
from tests.journeys.judge import Judge
from tests.journeys.leaks import files_under, records_on, search
from tests.journeys.person import codes_mailed, mails_at

pytestmark = [pytest.mark.kafka, pytest.mark.pcsc, pytest.mark.browser]

ASKED = {"SECURITY_QUESTIONS": "required"}
HOLDER, RA = "registering", "registrar"
PLANS = (
    Plan(HOLDER, "Working card", "SUCCESS", blocked=False),
    Plan(RA, "Working card of a Registration Authority", "SUCCESS", blocked=False, ra=True),
)
ANSWERS = {
    "FIRST_SCHOOL": "Saint Example's Primary",
    "FIRST_PET": "Captain Biscuit",
    "CHILDHOOD_WISH": "an astronaut or a baker",
    "PARENTS_MET": "Exampleton-on-Sea",
}
AS_TYPED_LATER = (
    "saint example s primary",
    "CAPTAIN  BISCUIT",
    "An astronaut, or a baker!",
    "exampleton on sea",
)
WRONG = (*AS_TYPED_LATER[:3], "Elsewhere-on-Sea")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[Stack]:
    folder, asked = tmp_path_factory.mktemp("registration"), {"identity": ASKED, "web": ASKED}
    with Stack(folder, keys, plans=PLANS, overrides=asked, log_level="DEBUG") as running:
        yield running


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with chromium() as page:
        yield page


@pytest.fixture(scope="module")
def registered(stack: Stack, tab: Page) -> PersonInChromium:
    """Signed in by card, and registered."""
    person = PersonInChromium(stack, HOLDER, tab)
    person.sign_in_in_browser()
    person.register_in_browser(ANSWERS)
    return person


def lock(stack: Stack) -> None:
    """Use up the tries of the card in the reader, by a tool that is not ours."""
    judge = Judge(stack.pcsc)
    while judge.tries_left():
        assert not judge.pin_verifies("00000000")


def mailed(person: PersonInChromium, said: str) -> str:
    """The text of the one mail to the holder that says so, once it has come."""

    def found() -> list[str]:
        texts = [mail["text"] for mail in mails_at(person.stack, person.card.address or "")]
        return [text for text in texts if said in text]

    wait_until("the mail", lambda: bool(found()), 20)
    (text,) = found()
    return text


def audited(stack: Stack, event: str) -> int:
    with closing(sqlite3.connect(stack.folder / "audit.db")) as database:
        wanted = f"smartcard_unlock.identity.v1.{event}"
        counted = database.execute("select count(*) from records where ce_type = ?", (wanted,))
        return int(counted.fetchone()[0])


def test_R41_R42_R43_R48_R57_R58_a_holder_registers_and_later_unlocks_the_locked_card_by_answers_and_code(
    stack: Stack, tab: Page, registered: PersonInChromium
) -> None:
    expect(tab.locator("h1")).to_have_text("You are registered")
    assert "/freeze/" in mailed(registered, "Security questions were registered")
    lock(stack)
    person = PersonInChromium(stack, HOLDER, tab)
    person.come_to_questions()
    assert len(codes_mailed(stack, person.card)) == 1
    person.answer_questions(WRONG, "/questions")
    tab.go_back()  # to the form that was sent, and what is typed there now counts
    expect(tab.locator(".nhsuk-error-summary")).to_have_count(0)
    person.answer_questions(AS_TYPED_LATER, "/address")
    person.unlock_after_answers(older=1)

    expect(tab.locator("h1")).to_have_text("Your smartcard is unlocked and ready to use")
    assert Judge(stack.pcsc).pin_verifies(person.new_pin)
    wait_until("the records", lambda: audited(stack, "HolderRegistered") == 1, 20)
    wait_until("the records", lambda: audited(stack, "QuestionsAnswered") == 2, 20)


def test_R48_three_wrong_answers_lead_to_the_ra_who_ends_the_lock(
    stack: Stack, tab: Page, registered: PersonInChromium
) -> None:
    for left in ("2 tries", "1 try"):  # in two sessions: they count for the card
        person = PersonInChromium(stack, HOLDER, tab, reason="FORGOTTEN")
        person.come_to_questions()
        person.answer_questions(WRONG, "/questions")
        expect(tab.locator(".nhsuk-error-summary")).to_contain_text(f"You have {left} left")
    person.answer_questions(WRONG, "/questions")
    expect(tab.locator("[data-error-code=ANSWERS_LOCKED]")).to_be_visible()
    expect(tab.get_by_role("link", name="ra@example.org")).to_be_visible()
    assert "/freeze/" in mailed(person, "Your security questions were answered wrongly 3 times")

    ra = PersonInChromium(stack, RA, tab)
    ra.sign_in_in_browser()
    tab.get_by_role("link", name="Registration Authority desk").click()
    tab.get_by_label("Name, user identifier or smartcard reference").fill(person.card.holder)
    tab.get_by_role("button", name="Find").click()
    tab.get_by_role("link", name="Test Holder").first.click()
    tab.get_by_role("link", name="End the lock").click()
    tab.get_by_label("I know or have checked that it was the holder who answered").check()
    tab.get_by_role("button", name="End the lock").click()
    expect(tab.locator("h1")).to_contain_text("The lock is ended")
    again = PersonInChromium(stack, HOLDER, tab, reason="FORGOTTEN")
    again.come_to_questions()
    again.answer_questions(AS_TYPED_LATER, "/address")
    wait_until("the record", lambda: audited(stack, "AnswersLockCleared") == 1, 20)


def test_I12_no_answer_is_anywhere_not_even_in_identity(stack: Stack, registered: PersonInChromium) -> None:
    secrets = {f"the answer to {question}": answer for question, answer in ANSWERS.items()}
    secrets |= {f"{name}, normalised": normalised(answer) for name, answer in secrets.items()}

    assert search(secrets, files_under(stack.folder)) == []
    with ThreadPoolExecutor(1) as pool:  # the browser's own event loop runs in this thread
        told = pool.submit(records_on, stack.surroundings.kafka).result()
    assert search(secrets, told) == []
