from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smartcard_unlock.card_gateway.v1 import card_gateway_events_pb2
from smartcard_unlock.common.v1 import common_pb2

from services.audit.consumer import read
from services.audit.domain.record import Message, Origin, OutcomeKind, Record, SetAside, SetAsideCause
from tests.unit.audit.outcomes import EVENT, NOON, SESSION, message, outcome


def record(of: Message) -> Record:
    found = read(of)
    assert isinstance(found, Record)
    return found


def cause(of: Message) -> SetAsideCause:
    found = read(of)
    assert isinstance(found, SetAside)
    assert found.message == of
    return found.cause


def test_D1_an_outcome_becomes_a_record_with_its_exact_bytes() -> None:
    sent = message(outcome(started_at=NOON - timedelta(minutes=4)), relayseq=7)

    kept = record(sent)

    assert (kept.ce_id, kept.source, kept.relayseq, kept.body) == (EVENT, "card_gateway", 7, sent.body)
    assert kept.outcome is not None
    assert (kept.outcome.session_id, kept.outcome.kind) == (SESSION, OutcomeKind.SUCCESS)
    assert (kept.outcome.reason, kept.outcome.route) == ("LOCKED", "SELF")
    assert kept.outcome.started_at == NOON - timedelta(minutes=4)


def test_other_facts_are_kept_as_they_are() -> None:
    started = card_gateway_events_pb2.SessionStarted(session_id=SESSION)

    kept = record(message(started))

    assert kept.outcome is None
    assert kept.ce_type == "smartcard_unlock.card_gateway.v1.SessionStarted"


@pytest.mark.parametrize(
    "actor",
    [
        None,
        common_pb2.Actor(ref="a" * 32),
        common_pb2.Actor(kind=common_pb2.ACTOR_KIND_RA),
        common_pb2.Actor(kind=common_pb2.ACTOR_KIND_SYSTEM),
    ],
)
def test_an_outcome_that_nobody_did_is_set_aside(actor: common_pb2.Actor | None) -> None:
    assert cause(message(outcome(actor=actor))) is SetAsideCause.ANONYMOUS


def test_a_holder_may_be_without_a_reference() -> None:
    actor = common_pb2.Actor(kind=common_pb2.ACTOR_KIND_HOLDER)

    assert record(message(outcome(actor=actor))).outcome


@pytest.mark.parametrize(
    ("source", "topic", "kind"),
    [
        ("otp", "card_gateway.events.v1", common_pb2.OUTCOME_KIND_SUCCESS),
        ("card_gateway", "otp.events.v1", common_pb2.OUTCOME_KIND_SUCCESS),
        ("otp", "otp.events.v1", common_pb2.OUTCOME_KIND_SUCCESS),
        ("identity", "identity.events.v1", common_pb2.OUTCOME_KIND_SUCCESS),
        ("notifier", "notifier.events.v1", common_pb2.OUTCOME_KIND_SUCCESS),
        ("card_gateway", "card_gateway.events.v1", common_pb2.OUTCOME_KIND_REFUSED),
        ("identity", "identity.events.v1", common_pb2.OUTCOME_KIND_LOCKED_TO_RA),
    ],
)
def test_S39_only_its_own_service_can_tell_an_outcome(source: str, topic: str, kind: int) -> None:
    told = message(outcome(kind=kind), source=source, topic=topic)

    assert cause(told) is SetAsideCause.NOT_THE_OWNER


@pytest.mark.parametrize(
    ("source", "kind"),
    [("identity", common_pb2.OUTCOME_KIND_REFUSED), ("otp", common_pb2.OUTCOME_KIND_LOCKED_TO_RA)],
)
def test_each_service_tells_its_own_refusal(source: str, kind: int) -> None:
    told = message(outcome(kind=kind, code="CODE"), source=source, topic=f"{source}.events.v1")

    assert record(told).outcome


@pytest.mark.parametrize(
    "odd",
    [
        message(b"\xff\xff"),
        replace(message(outcome()), headers=()),
        message(outcome(), ce_id="x" * 37),
        message(outcome(), relayseq=2**63),
        message(outcome(kind=common_pb2.OUTCOME_KIND_UNSPECIFIED)),
        message(outcome(session_id="")),
        message(outcome(session_id="x\x00y")),
        message(outcome(code="line\nbreak")),
        message(outcome(organisation="o" * 65)),
    ],
    ids=range(9),
)
def test_F25_what_no_service_of_ours_would_write_is_set_aside(odd: Message) -> None:
    assert cause(odd) is SetAsideCause.UNREADABLE


def test_F21_a_kind_that_only_newer_services_know_is_kept_without_its_columns() -> None:
    newer = outcome()
    newer.kind = 99  # type: ignore[assignment]

    assert record(message(newer)).outcome is None


def test_F21_newer_words_are_kept_as_their_numbers() -> None:
    newer = outcome()
    newer.reason = 99  # type: ignore[assignment]

    kept = record(message(newer)).outcome
    assert kept is not None
    assert kept.reason == "99"


@given(
    st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=40)), max_size=8),
    st.none() | st.binary(max_size=20),
    st.binary(max_size=200),
)
def test_F25_any_bytes_are_read_or_set_aside(
    headers: list[tuple[str, bytes]], key: bytes | None, body: bytes
) -> None:
    assert isinstance(
        read(Message(Origin("otp.events.v1", 0, 0), tuple(headers), key, body)), Record | SetAside
    )


@given(st.binary(max_size=200))
def test_F25_any_body_under_our_headers_is_read_or_set_aside(body: bytes) -> None:
    assert isinstance(read(message(body)), Record | SetAside)
