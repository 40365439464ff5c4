"""A part that is away: the page says so within its time, and what was asked happens when it is back."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from deploy.local.child import wait_until
from deploy.local.demo_data import Plan
from deploy.local.keys import Keys
from deploy.local.stack import Stack
from tests.journeys.audit import Auditor
from tests.journeys.codes_by_rpc import CodesByRpc
from tests.journeys.conftest import SPARES
from tests.journeys.person import PATIENCE, Person, codes_mailed

pytestmark = [pytest.mark.kafka, pytest.mark.pcsc]

PAGE_LIMIT = 6.0
"""Seconds: a page answers within 5 s (quality F31), and a second for two busy cores."""
AGENT_LIMIT = 45.0
"""Seconds until a silent agent is noticed (quality F30)."""


OUTAGE_SECONDS, CODES = (60.0, 60) if os.environ.get("SOAK") else (2.0, 4)
"""How long Kafka is away, and how many codes are issued, and as many redeemed, meanwhile. Quality F4."""
OUTAGE_CARDS = tuple(Plan(f"outage-{number}", "Blocked card", "SUCCESS") for number in range(2 * CODES))
SAID_OF_THE_MAIL = "We have not heard yet" if OUTAGE_SECONDS > 20 else "has not accepted it yet"
"""Of a mail that nobody has heard of for 20 s the page says so."""
BACKLOG_SECONDS = 30.0
"""Until the last mail after Kafka is back. Source: quality F4."""


@pytest.fixture(scope="module")
def lame(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[Stack]:
    """A stack whose parts are stopped and started."""
    with Stack(tmp_path_factory.mktemp("lame"), keys, plans=SPARES[:10] + OUTAGE_CARDS) as running:
        yield running


@contextmanager
def without(stack: Stack, *names: str) -> Iterator[None]:
    """Parts that are killed, and come back."""
    for name in names:
        stack.parts[name].kill()
    try:
        yield
    finally:
        for name in names:
            stack.parts[name].start()


def test_F13_no_mail_server_the_page_tells_the_truth_and_the_mail_comes_when_it_is_back(lame: Stack) -> None:
    person = _before_code(lame, "spare-1")
    with without(lame, "mailbox"):
        shown = person.ask_for_code()
        assert shown.path == "/code"
        assert "has not accepted it yet" in shown.html or "We have not sent" in shown.html

    person.read_mail()
    assert _finish(person) == "/done"


def test_F4_no_kafka_every_call_answers_and_the_mail_and_the_record_come_late(lame: Stack) -> None:
    person = _before_code(lame, "spare-2")
    with without(lame, "kafka"):
        began = time.monotonic()
        assert person.ask_for_code().path == "/code"
        assert time.monotonic() - began < PAGE_LIMIT
        assert codes_mailed(lame, person.card) == []

    person.read_mail()
    assert _finish(person) == "/done"
    records = Auditor(lame).wait_for_records(person.session_id, seconds=30)
    assert [record.kind for record in records] == ["SUCCESS"]


def test_F4_I6_codes_of_an_outage_are_all_mailed_once_and_told_in_order(
    lame: Stack, record_property: Callable[[str, object], None]
) -> None:
    codes = CodesByRpc(lame)
    before = [codes.issue(lame.card(f"outage-{number}")) for number in range(CODES)]
    typed = codes.mailed(before)
    person = _before_code(lame, "spare-7")
    meanwhile, calls = [], []
    with without(lame, "kafka"):
        away = time.monotonic()
        person.ask_for_code()
        for number in range(CODES):
            began = time.monotonic()
            meanwhile.append(codes.issue(lame.card(f"outage-{CODES + number}")))
            assert codes.redeem(before[number], typed[number]) == "RIGHT"
            calls.append(time.monotonic() - began)
            time.sleep(max(0.0, away + (number + 1) * OUTAGE_SECONDS / CODES - time.monotonic()))
        person.wait_for(lambda page: SAID_OF_THE_MAIL in page.html, "the truth about the mail")
        away = time.monotonic() - away
    back = time.monotonic()
    typed = codes.mailed(meanwhile, BACKLOG_SECONDS)
    late = time.monotonic() - back
    person.read_mail()

    assert max(calls) < PAGE_LIMIT
    assert [codes.redeem(*each) for each in zip(meanwhile, typed, strict=True)] == ["RIGHT"] * CODES
    codes.wait_for_story(before + meanwhile, ["CodeRequested", "CodeEntered"])
    codes.mailed(before + meanwhile)
    record_property(
        "figure",
        f"Kafka away for {away:.0f} s: {CODES} codes issued and {CODES} redeemed meanwhile, the two calls of"
        f" a step {max(calls):.2f} s at most; the last mail {late:.1f} s after it was back",
    )


def test_R45_no_agent_the_page_says_so_and_goes_on_when_it_is_back(lame: Stack) -> None:
    lame.slots.remove()
    person, before = Person(lame, "spare-3"), len(lame.agent.text)
    person.open_journey()
    person.say_why()
    # Until it has heard of its page, an agent that comes back serves the session before.
    wait_until("an agent that knows its page", lambda: "A page " in lame.agent.text[before:], 40)
    with without(lame, "agent"):
        person.wait_for(lambda page: "AGENT_AWAY" in page.codes, "the missing agent", AGENT_LIMIT)

    person.insert_card()
    person.ask_for_code()
    person.read_mail()
    assert _finish(person) == "/done"


@pytest.mark.parametrize("name", ["identity", "otp", "card_gateway"])
def test_F31_a_service_that_is_away_is_a_page_with_a_code_within_its_time(lame: Stack, name: str) -> None:
    person = _before_code(lame, {"identity": "spare-4", "otp": "spare-5", "card_gateway": "spare-6"}[name])
    form = person.browser.get("/address")
    with without(lame, name):
        began = time.monotonic()
        shown = person.browser.post(form, words_match="yes")
        assert time.monotonic() - began < PAGE_LIMIT
        assert shown.codes in (["SERVICE_UNAVAILABLE"], ["DEADLINE_EXCEEDED"])

    # Calls find a service that came back within their 2 s of reconnecting.
    wait_until("the code page", lambda: person.ask_for_code().path == "/code", PATIENCE, 0.5)
    person.read_mail()
    assert _finish(person) == "/done"


def _before_code(stack: Stack, card: str) -> Person:
    stack.slots.remove()
    person = Person(stack, card)
    person.open_journey()
    person.say_why()
    person.insert_card()
    return person


def _finish(person: Person) -> str:
    person.type_code()
    person.choose_passcode()
    person.answer_agent()
    return person.wait_for_end().path
