"""Each "no" of the journey ends on its own page, with its code and what to do, and harms no card.

And the ways beside the main one: a change, a passcode that was forgotten, another front end, and passcodes
that no page ever sees.
"""

from collections.abc import Iterator
from html import unescape

import pytest

from deploy.local.child import wait_until
from deploy.local.demo_data import PLANS, Plan
from deploy.local.stack import Stack
from deploy.local.virtual_card import Eeprom
from services.agent.terminal import AGAIN, CURRENT, NEW
from services.web.domain.errors import entry_for
from tests.journeys.audit import Auditor, Record
from tests.journeys.judge import Judge
from tests.journeys.leaks import files_under, search
from tests.journeys.over_the_api import PersonOverTheApi
from tests.journeys.person import Person, codes_mailed, good_pin, mails_to

pytestmark = [pytest.mark.kafka, pytest.mark.pcsc]

REFUSED = [plan for plan in PLANS if plan.ends != "SUCCESS"]


@pytest.mark.parametrize("plan", REFUSED, ids=lambda plan: f"R5_R6_R63_{plan.name}")
def test_R10_a_card_that_may_not_be_unlocked_ends_on_the_page_of_its_code(stack: Stack, plan: Plan) -> None:
    person = Person(stack, plan.name)
    person.open_journey()
    person.say_why()
    shown = person.insert_card()

    assert shown.codes == [plan.ends]
    assert entry_for(plan.ends).next_step in unescape(shown.html)
    assert codes_mailed(stack, person.card) == []
    counters = stack.slots.counters(plan.name)
    assert (counters["wrong_pin_tries"], counters["wrong_puk_tries"], counters["log"]) == (0, 0, [])


def test_D1_a_refusal_is_recorded_with_its_code(stack: Stack) -> None:
    person = Person(stack, "no-address")
    person.open_journey()
    person.say_why()
    person.insert_card()

    (record,) = Auditor(stack).wait_for_records(person.session_id)
    assert (record.source, record.kind, record.code) == ("identity", "REFUSED", "NO_EMAIL")


def test_R45_no_card_two_cards_and_one_card_each_have_their_own_words(stack: Stack, spare: str) -> None:
    stack.slots.insert("blocked-1", 1)
    stack.slots.insert(spare, 0)
    person = Person(stack, spare)
    person.open_journey()
    person.say_why()
    shown = person.wait_for(lambda page: "TWO_CARDS" in page.codes, "two cards")
    assert shown.path == "/card"

    stack.slots.remove(0)
    stack.slots.remove(1)
    person.wait_for(lambda page: "NO_CARD" in page.codes, "the empty reader")
    assert person.insert_card().path == "/address"


def test_R45_no_reader_service_is_told_as_PR20002_and_the_page_goes_on_when_it_is_back(
    stack: Stack, spare: str
) -> None:
    person = Person(stack, spare)
    person.open_journey()
    person.say_why()
    stack.pcsc.stop_service()
    try:
        person.wait_for(lambda page: "PR20002" in page.codes, "the missing reader service")
    finally:
        stack.pcsc.start_service()

    assert person.insert_card().path == "/address"


def test_I10_a_code_of_another_session_is_wrong(stack: Stack, spare: str) -> None:
    first = Person(stack, spare)
    _with_code(first)
    second = Person(stack, "blocked-3")
    _with_code(second)

    shown = second.type_code(first.code)
    assert (shown.path, shown.codes) == ("/code", ["CODE_WRONG"])
    assert "You have 2 tries left" in shown.html


def test_R51_a_spent_code_opens_nothing_a_second_time(stack: Stack, spare: str) -> None:
    person = Person(stack, spare)
    _with_code(person)
    assert person.type_code().path == "/passcode"

    assert person.type_code().path == "/passcode"
    person.choose_passcode()
    person.answer_agent()
    assert person.wait_for_end().path == "/done"


def test_R35_R60_who_cannot_read_the_mailbox_learns_whom_to_ask_and_the_audit_has_it(
    stack: Stack, spare: str
) -> None:
    person = Person(stack, spare)
    _with_code(person)
    shown = person.cannot_read_mail()

    [record] = Auditor(stack).wait_for_records(person.session_id)
    assert (shown.path, shown.codes) == ("/no-mailbox", ["NO_MAILBOX_ACCESS"])
    assert (record.source, record.kind, record.code) == ("identity", "REFUSED", "NO_MAILBOX_ACCESS")


def test_a_holder_who_declines_at_the_agent_keeps_the_session_and_the_card(stack: Stack, spare: str) -> None:
    person = Person(stack, spare)
    _with_code(person)
    person.type_code()
    person.choose_passcode()
    person.answer_agent("no")

    assert person.wait_past("/working").path == "/passcode"
    assert stack.slots.counters(spare)["log"] == []


def test_R2_a_change_takes_the_current_passcode_and_leaves_the_puk_as_it_is(stack: Stack) -> None:
    judge, auditor = Judge(stack.pcsc), Auditor(stack)
    saved = auditor.saved_minutes()
    person = Person(stack, "working-1", "CHANGE")
    person.open_journey()
    person.say_why()
    assert person.insert_card().path == "/change"
    person.confirm_words()
    person.change_passcode(good_pin())
    person.answer_agent()
    shown = person.wait_for_end()
    assert (shown.path, "CURRENT_PIN_WRONG" in shown.html) == ("/passcode", True)

    person.change_passcode(person.card.pin)
    person.answer_agent()
    assert person.wait_for_end().path == "/done"
    assert codes_mailed(stack, person.card) == []
    wait_until("the mail", lambda: len(mails_to(stack, person.card)) == 1, 20)
    (told,) = mails_to(stack, person.card)
    assert told["subject"] == "The passcode of your smartcard was changed: was this you?"
    expected = [Record("card_gateway", "SUCCESS", "", "CHANGE", "SELF")]
    assert auditor.wait_for_records(person.session_id) == expected
    assert auditor.saved_minutes() == saved
    assert judge.pin_verifies(person.new_pin)
    assert not judge.pin_verifies(person.card.pin)
    assert judge.puk_unblocks(person.card.facts.puk, person.new_pin)


def test_R2_a_card_that_is_not_locked_is_reset_as_forgotten_in_the_same_session(stack: Stack) -> None:
    person = Person(stack, "working-2", "LOCKED")
    person.open_journey()
    person.say_why()
    shown = person.insert_card()
    assert (shown.path, shown.codes) == ("/other-reason", ["CARD_NOT_LOCKED"])
    shown = person.choose_other_reason("FORGOTTEN")
    assert (shown.path, "tries left" in shown.html) == ("/address", True)
    person.ask_for_code()
    person.read_mail()
    person.type_code()
    person.choose_passcode()
    person.answer_agent()

    assert person.wait_for_end().path == "/done"
    expected = [Record("card_gateway", "SUCCESS", "", "FORGOTTEN", "SELF")]
    assert Auditor(stack).wait_for_records(person.session_id) == expected
    assert Judge(stack.pcsc).pin_verifies(person.new_pin)
    assert stack.slots.counters("working-2")["wrong_puk_tries"] == 0


def _with_code(person: Person) -> None:
    person.stack.slots.remove()  # a card that is in when the session is claimed would be read at once
    person.open_journey()
    person.say_why()
    person.insert_card()
    person.ask_for_code()
    person.read_mail()


def test_R1_a_minidriver_card_is_unlocked_by_an_answer_of_the_vault(stack: Stack) -> None:
    person = Person(stack, "minidriver")
    person.unlock()
    card = Eeprom.load(stack.pcsc.cards / "minidriver.card")

    assert card.pin == person.new_pin.encode()
    assert card.pin_left == card.parameters.pin_tries
    assert card.wrong_admin_tries == 0


def test_R1_R4_R53_D2_another_front_end_unlocks_a_blocked_card_over_the_json_api(
    stack: Stack, spare: str
) -> None:
    holder = PersonOverTheApi(stack, spare)
    person = holder.person
    assert holder.claim()["step"] == "CARD"
    assert holder.insert_card()["step"] == "CODE"
    facts = holder.get("/session/holder")
    assert facts["masked_address"] not in {"", person.card.address}
    assert holder.post("/session/code-requests", words_match=False)["code"] == "WORDS_NOT_CONFIRMED"
    assert holder.post("/session/code-requests", words_match=True)["live"]
    right = person.read_mail()
    wrong = f"{(int(right) + 1) % 10**8:08}"
    told = holder.post("/session/code-entries", code=wrong)
    assert (told["code"], told["entries_left"]) == ("CODE_WRONG", 2)
    # The mail is there a moment before anybody has told of it.
    wait_until("word of the mail", lambda: holder.get("/session/code")["delivery"] == "SENT", 20)
    assert holder.post("/session/code-entries", code=right)["step"] == "PASSCODE"
    assert holder.send_passcode()["step"] == "WORKING"
    ended = holder.wait_for_end()

    assert (ended["step"], ended["error"]) == ("DONE", None)
    assert Judge(stack.pcsc).pin_verifies(person.new_pin)
    expected = [Record("card_gateway", "SUCCESS", "", "LOCKED", "SELF")]
    assert Auditor(stack).wait_for_records(person.session_id) == expected
    wait_until("a receipt", lambda: "text" in holder.get("/session/receipt"), 20)
    assert person.code not in holder.get("/session/receipt")["text"]
    found = holder.get(f"/registration-authorities?organisation={facts['registration_authority']['name']}")
    assert facts["registration_authority"] in found["registration_authorities"]
    assert "example.org" in [each["domain"] for each in holder.get("/approved-domains")["for_all"]]


def test_R2_D2_another_front_end_changes_a_passcode_over_the_json_api(stack: Stack) -> None:
    holder = PersonOverTheApi(stack, "working-3", "CHANGE")
    person = holder.person
    holder.claim()
    assert holder.insert_card()["step"] == "PASSCODE"
    assert holder.send_passcode(current=person.card.pin)["step"] == "WORKING"

    assert holder.wait_for_end()["step"] == "DONE"
    assert Judge(stack.pcsc).pin_verifies(person.new_pin)


@pytest.fixture
def at_agent(stack: Stack) -> Iterator[Stack]:
    """The same stack, with a gateway that takes enrolled agents only and has passcodes typed there."""
    gateway = stack.children["card_gateway"]
    for settings in (
        {"PIN_ENTRY": "agent", "AGENTS": "enrolled", "AGENT_CA_FILE": str(stack.keys.ca)},
        {"PIN_ENTRY": "page", "AGENTS": "any"},
    ):
        stack.agent.stop()  # else it waits longer and longer for a gateway that goes twice
        gateway.stop()
        gateway.env |= settings
        gateway.start()
        stack.agent.start()
        if settings["AGENTS"] == "enrolled":
            yield stack


def test_R2_R51_passcodes_typed_at_the_agent_are_set_and_no_page_or_file_ever_has_them(
    at_agent: Stack, spare: str
) -> None:
    unlocked, changed = Person(at_agent, spare), Person(at_agent, "working-4", "CHANGE")
    _unlock_typing(unlocked)
    at_agent.slots.remove()
    _change_typing(changed)

    judge = Judge(at_agent.pcsc)
    assert judge.pin_verifies(changed.new_pin)
    at_agent.slots.remove()
    at_agent.slots.insert(spare)
    assert judge.pin_verifies(unlocked.new_pin)
    assert len(codes_mailed(at_agent, unlocked.card)) == 1
    typed = {"unlocked": unlocked.new_pin, "changed": changed.new_pin}
    assert [pin for pin in typed.values() if pin in at_agent.agent.text] == []
    assert search(typed, files_under(at_agent.folder)) == []


def _unlock_typing(person: Person) -> None:
    _with_code(person)
    shown = person.type_code()
    assert ("asks for it in its own window" in shown.html, "sealed" in shown.fields) == (True, False)
    person.type_at_agent((NEW, "123456"), (f"does not count up or down, like 123456.\n{NEW}", ""))
    shown = person.wait_past("/working")
    assert (shown.path, "DECLINED" in shown.html) == ("/passcode", True)

    person.type_at_agent((NEW, person.new_pin), (AGAIN, person.new_pin))
    assert person.wait_for_end().path == "/done"


def _change_typing(person: Person) -> None:
    person.open_journey()
    person.say_why()
    assert person.insert_card().path == "/change"
    person.confirm_words()
    new = (NEW, person.new_pin), (AGAIN, person.new_pin)
    person.type_at_agent((CURRENT, good_pin()), *new)
    assert "CURRENT_PIN_WRONG" in person.wait_for_end().html

    person.type_at_agent((CURRENT, person.card.pin), *new)
    assert person.wait_for_end().path == "/done"
