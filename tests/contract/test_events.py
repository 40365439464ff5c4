"""docs/asyncapi.json, docs/events.md, the contracts, the topics and the rights on them say the same."""

from pathlib import Path

import pytest

from deploy.events import asyncapi, page
from deploy.events.asyncapi import DEAD
from deploy.events.contract import Told, events
from deploy.events.rights import rights
from deploy.events.samples import samples_of
from deploy.topics import declared
from services.audit.domain.record import OutcomeKind, teller

ROOT = Path(__file__).parents[2]
DOCUMENT = asyncapi.document()
EVENTS = events()
named = pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type.name)

PROCESS = {"audit": "audit_store", "audit's own rebuild": "audit_sequencer"}
"""Where a contract says which service, and a right says which process."""

OUTSIDE = {"analytics", "anybody who wants to hold the log to it"}
"""Consumers that a deployment gives rights of their own."""


def test_the_kept_document_is_what_the_contracts_make() -> None:
    made = asyncapi.as_json()
    assert (ROOT / "docs/asyncapi.json").read_text() == made, (
        "run: python -m deploy.events asyncapi > docs/asyncapi.json"
    )


def test_the_kept_page_is_what_the_contracts_make() -> None:
    made = page.as_markdown()
    assert (ROOT / "docs/events.md").read_text() == made, "run: python -m deploy.events page > docs/events.md"


def test_every_topic_is_a_channel_with_a_message() -> None:
    assert DOCUMENT["channels"].keys() == {topic.name for topic in declared()}
    assert all(channel["messages"] for channel in DOCUMENT["channels"].values())


def test_every_event_file_is_told_of() -> None:
    """A message of an `_events.proto` without its topic line would be missing everywhere."""
    files = (ROOT / "proto").glob("smartcard_unlock/*/v1/*_events.proto")
    messages = {
        line.split()[1]
        for file in files
        for line in file.read_text().splitlines()
        if line.startswith("message ")
    }

    assert {event.type.name for event in EVENTS} == messages | {"SessionOutcome"}


@named
def test_every_event_has_samples_and_every_field_a_meaning(event: Told) -> None:
    assert samples_of(event.type.full_name)
    assert event.type.meaning
    assert all(member.meaning for member in event.type.members)


def test_D1_every_kind_of_outcome_has_a_sample_on_the_topic_of_its_teller() -> None:
    kept = {
        (each.topic, each.value["kind"]) for each in samples_of("smartcard_unlock.common.v1.SessionOutcome")
    }

    assert kept == {(f"{teller(kind)}.events.v1", f"OUTCOME_KIND_{kind}") for kind in OutcomeKind}


@named
def test_whoever_consumes_an_event_may_read_its_topic(event: Told) -> None:
    may_read = {(right.process, right.topic) for right in rights() if not right.sends}

    for topic in event.topics:
        for consumer in set(event.consumers(topic)) - OUTSIDE:
            assert (PROCESS.get(consumer, consumer), topic) in may_read


def test_whoever_reads_a_topic_is_named_by_an_event_of_it() -> None:
    said = {
        (PROCESS.get(name, name), topic)
        for each in EVENTS
        for topic in each.topics
        for name in each.consumers(topic)
    }
    its_own = {(name, f"{name}.events.v1") for name in ("card_gateway", "identity", "otp", "notifier")}
    its_own |= {("audit_sequencer", "audit.heads.v1")}

    again = {(name, topic + DEAD) for name, topic in said}
    may_read = {(right.process, right.topic) for right in rights() if not right.sends}

    assert may_read <= said | its_own | again


def test_only_its_owner_tells_on_a_topic_and_only_readers_put_dead_letters() -> None:
    for right in rights():
        if not right.sends:
            continue
        if right.topic.endswith(DEAD):
            of = right.topic.removesuffix(DEAD)
            assert any(
                each.process == right.process and each.topic == of and not each.sends for each in rights()
            )
        else:
            assert right.process.removesuffix("_sequencer") == right.topic.partition(".")[0]
