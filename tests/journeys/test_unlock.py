"""The main job: a blocked card becomes a working card, a mail arrives, the audit counts what it saved.

One story, told once by a fixture in real Chromium and over HTTP; each test looks at one side of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from deploy.local.child import wait_until
from deploy.local.keys import Keys
from deploy.local.stack import Stack
from services.audit.verify import audit_verify
from tests.journeys.audit import Auditor, Record
from tests.journeys.in_chromium import PersonInChromium, chromium
from tests.journeys.judge import Judge
from tests.journeys.leaks import files_under, records_on, search
from tests.journeys.person import Person, mails_to

pytestmark = [pytest.mark.kafka, pytest.mark.pcsc, pytest.mark.browser]


@dataclass
class Story:
    """What happened, for those who judge."""

    stack: Stack
    auditor: Auditor
    first: Person
    second: Person
    refused: Person
    last_page: str
    saved: list[int]
    """Minutes: before, after one, after two, after one that failed."""
    verdicts: dict[str, bool]
    """Debian's tools on the first card."""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("story")
    with Stack(folder, keys, log_level="DEBUG") as stack:
        auditor = Auditor(stack)
        saved = [auditor.saved_minutes()]
        with chromium() as page:
            first = PersonInChromium(stack, "blocked-1", page)
            first.unlock_in_browser()
            last_page = page.locator("h1").inner_text()
        verdicts = _judged(stack, first)
        auditor.wait_for_saved(20)
        saved.append(auditor.saved_minutes())

        stack.slots.remove()
        second = Person(stack, "blocked-2")
        second.unlock()
        stack.slots.remove()
        auditor.wait_for_saved(40)
        saved.append(auditor.saved_minutes())

        refused = Person(stack, "blocked-3")
        _spend_all_entries(refused)
        auditor.wait_for_records(refused.session_id)
        saved.append(auditor.saved_minutes())
        yield Story(stack, auditor, first, second, refused, last_page, saved, verdicts)


def _judged(stack: Stack, person: Person) -> dict[str, bool]:
    judge = Judge(stack.pcsc)
    return {
        "new PIN": judge.pin_verifies(person.new_pin),
        "old PIN": judge.pin_verifies(person.card.pin),
        "old PUK": judge.puk_unblocks(person.card.facts.puk, person.new_pin),
        "new PIN still": judge.pin_verifies(person.new_pin),
    }


def _spend_all_entries(person: Person) -> None:
    """Type three wrong codes, the first two in tabs that were open at once: each is a try of its own."""
    person.open_journey()
    person.say_why()
    person.insert_card()
    person.ask_for_code()
    right = person.read_mail()
    wrong = [f"{(int(right) + turn) % 10 ** len(right):0{len(right)}}" for turn in (1, 2, 3)]
    tabs = [person.browser.get("/code") for _ in range(2)]
    for tab, typed in zip(tabs, wrong, strict=False):
        person.browser.post(tab, code=typed)
    person.type_code(wrong[2])


def test_R1_R52_R53_the_card_takes_the_new_pin_and_refuses_the_old_pin_and_the_old_puk(story: Story) -> None:
    assert story.verdicts == {"new PIN": True, "old PIN": False, "old PUK": False, "new PIN still": True}


def test_R53_the_last_page_says_that_the_card_is_ready(story: Story) -> None:
    assert story.last_page == "Your smartcard is unlocked and ready to use"


def test_D1_the_audit_has_one_record_of_the_unlock(story: Story) -> None:
    expected = [Record("card_gateway", "SUCCESS", "", "LOCKED", "SELF")]

    assert story.auditor.records(story.first.session_id) == expected
    assert story.auditor.records(story.second.session_id) == expected


def test_D1_the_holder_s_receipt_is_verified_offline_with_the_log_s_public_key(story: Story) -> None:
    receipt = story.auditor.wait_for_receipt(story.first.session_id)
    key = audit_verify.read_key(story.stack.keys.audit_log_public)

    found, head = audit_verify.verify(receipt, key)
    assert f"session   {story.first.session_id}" in audit_verify.words_of(found.leaf)
    assert head.origin == "unlock.example.org/audit"


def test_R20_each_unlock_saves_20_minutes_and_a_failed_one_none(story: Story) -> None:
    assert story.saved == [0, 20, 40, 40]


def test_R48_three_wrong_entries_end_in_the_ra_and_are_recorded(story: Story) -> None:
    assert story.refused.page.codes == ["LOCKED_TO_RA"]
    assert [record.kind for record in story.auditor.records(story.refused.session_id)] == ["LOCKED_TO_RA"]


def test_R64_the_holder_is_told_of_the_unlock_by_a_mail_without_the_code(story: Story) -> None:
    wait_until("both mails", lambda: len(mails_to(story.stack, story.first.card)) == 2, 20)
    code, told = mails_to(story.stack, story.first.card)

    assert story.first.code in code["text"]
    assert story.first.code not in told["text"] + told["subject"] + code["subject"]


def test_I4_no_wrong_puk_was_ever_tried(story: Story) -> None:
    assert story.stack.slots.counters("blocked-2")["wrong_puk_tries"] == 0


def test_I12_no_secret_stands_in_any_log_database_or_record(story: Story) -> None:
    secrets = _secrets(story)
    folder, bootstrap = story.stack.folder, story.stack.surroundings.kafka

    assert search(secrets, files_under(folder)) == []
    assert search(secrets, records_on(bootstrap)) == []


def test_I12_the_search_finds_what_is_planted(story: Story) -> None:
    planted = story.stack.folder / "logs" / "planted.log"
    secrets = _secrets(story)
    planted.write_text(" ".join(secret.encode().hex() for secret in secrets.values()))

    found = search(secrets, files_under(story.stack.folder))
    planted.unlink()
    assert {hit.partition(" (")[0] for hit in found} == set(secrets)


def _secrets(story: Story) -> dict[str, str]:
    secrets: dict[str, str] = {}
    for number, person in enumerate((story.first, story.second, story.refused), start=1):
        secrets |= {
            f"{number} new PIN": person.new_pin,
            f"{number} old PIN": person.card.pin,
            f"{number} PUK": person.card.facts.puk,
            f"{number} code": person.code,
            f"{number} address": str(person.card.address),
        }
    return secrets
