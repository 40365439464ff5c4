"""Steps as they come over the wire: what is read, and what no agent runs."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from smartcard_unlock.card_gateway.v1 import agents_pb2 as pb

from services.agent import wire
from services.agent.ports import OrderRefused, Question
from services.card_gateway.card.profiles import piv
from services.card_gateway.card.proof import Algorithm
from services.card_gateway.card.script import Script
from tests.agent.wire import to_wire

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
HASH = bytes(32)
SCRIPTS = [
    piv.read_script(),
    piv.prove_script(HASH, Algorithm.P256),
    piv.reset_script(HASH, b"13572468", b"40718293"),
    piv.recover_script(HASH, piv.order_candidates(b"13572468", b"40718293", pin_blocked=True)),
]


def wrong_clock() -> datetime:
    return NOW + timedelta(hours=7)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.kind.value)
def test_a_script_comes_out_of_the_wire_as_it_went_in(script: Script) -> None:
    order = wire.to_order(pb.Step(step_id="s", script=to_wire(script)), 100.0, wrong_clock)

    assert order.script == script


def test_F19_a_wrong_clock_of_the_workstation_does_not_move_a_steps_end() -> None:
    step = pb.Step(step_id="s", script=to_wire(SCRIPTS[0]))
    step.sent_at.FromDatetime(NOW)
    step.begin_before.FromDatetime(NOW + timedelta(seconds=10))

    assert wire.to_order(step, 100.0, wrong_clock).begin_by == 110.0


def test_a_question_is_read_only_where_there_is_one() -> None:
    asked = pb.Step(
        step_id="s", script=to_wire(SCRIPTS[1]), question=pb.Question(last_four="12AB", reason="LOCKED")
    )
    silent = pb.Step(step_id="s", script=to_wire(SCRIPTS[1]))

    assert wire.to_order(asked, 0.0, wrong_clock).question == Question("12AB", "LOCKED")
    assert wire.to_order(silent, 0.0, wrong_clock).question is None


def no_kind(step: pb.Step) -> None:
    step.script.kind = pb.SCRIPT_KIND_UNSPECIFIED


def future_kind(step: pb.Step) -> None:
    step.script.kind = 99  # type: ignore[assignment]


def future_slot(step: pb.Step) -> None:
    step.script.steps[0].slot = 99  # type: ignore[assignment]


def no_action(step: pb.Step) -> None:
    step.script.steps[0].rules.add(status=0x9000)


def wide_byte(step: pb.Step) -> None:
    step.script.steps[0].command.ins = 0x1A4


@pytest.mark.parametrize("spoil", [no_kind, future_kind, future_slot, no_action, wide_byte])
def test_S35_a_step_with_an_unknown_word_is_refused_whole(spoil: Callable[[pb.Step], None]) -> None:
    step = pb.Step(step_id="step-7", script=to_wire(SCRIPTS[0]))
    spoil(step)

    with pytest.raises(OrderRefused) as refused:
        wire.to_order(step, 0.0, wrong_clock)

    assert refused.value.step_id == "step-7"
