"""A part that is away: the page says so within its time, and what was asked happens when it is back."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deploy.local.child import wait_until
from deploy.local.keys import Keys
from deploy.local.stack import Stack
from tests.journeys.audit import Auditor
from tests.journeys.conftest import SPARES
from tests.journeys.person import Person, codes_mailed

pytestmark = [pytest.mark.kafka, pytest.mark.pcsc]

PAGE_LIMIT = 6.0
"""Seconds: a page answers within 5 s (quality F31), and a second for two busy cores."""
AGENT_LIMIT = 45.0
"""Seconds until a silent agent is noticed (quality F30)."""


@pytest.fixture(scope="module")
def lame(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Iterator[Stack]:
    """A stack whose parts are stopped and started."""
    with Stack(tmp_path_factory.mktemp("lame"), keys, plans=SPARES[:10]) as running:
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


def test_R45_no_agent_the_page_says_so_and_goes_on_when_it_is_back(lame: Stack) -> None:
    lame.slots.remove()
    person = Person(lame, "spare-3")
    person.open_journey()
    person.say_why()
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
    wait_until("the code page", lambda: person.ask_for_code().path == "/code", 10, 0.5)
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
