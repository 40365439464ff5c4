"""A gateway that says whatever it likes: the agent refuses or goes on, and a card sees only what is listed.

S35, S36, S55. What the guard itself refuses is in `tests/unit/card_gateway/card`.
"""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from smartcard_unlock.card_gateway.v1 import agents_pb2 as pb

from services.agent import wire
from services.agent.ports import GatewayAway, Order, OrderRefused
from services.card_gateway.card.guard import Insertion, Refused, check
from services.card_gateway.card.profiles import piv
from services.card_gateway.card.runner import Fill, run
from services.card_gateway.card.script import End
from tests.agent.wire import to_wire
from tests.unit.agent.test_steps import Desk
from tests.unit.agent.test_wire import SCRIPTS
from tests.unit.agent.world import NEW_PIN, SESSION, service_with_card

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LISTED = {0xA4, 0xCB, 0xC0, 0x20, 0x87, 0xF7, 0x2C, 0x24}
STEPS = [pb.Step(step_id="s", script=to_wire(script)) for script in SCRIPTS]
NEVER = (0x7FFFFFFFFFFFFFFF, -(2**62), 253402300800)
"""Seconds that are no instant of any calendar."""


class Recorder:
    """A card that takes everything."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        self.sent.append(apdu)
        return b"", 0x9000


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A step of ours as bytes, some of them changed, cut, repeated or put in."""
    raw = bytearray(draw(st.sampled_from(STEPS)).SerializeToString())
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(raw) - 1))
        match draw(st.sampled_from(["change", "cut", "repeat", "put in"])):
            case "change":
                raw[at] = draw(st.integers(0, 255))
            case "cut" if at > 0:
                del raw[at:]
            case "repeat":
                raw += raw[at:]
            case "put in":
                raw[at:at] = draw(st.binary(min_size=1, max_size=8))
    return bytes(raw)


@settings(max_examples=1500)
@given(spoilt() | st.binary(max_size=400))
def test_S55_spoilt_bytes_are_an_order_or_a_refusal_and_only_listed_commands_leave(raw: bytes) -> None:
    order: Order | None = None
    with suppress(DecodeError, OrderRefused):
        order = wire.to_order(pb.Step.FromString(raw), 0.0, lambda: NOW)
    if order is None:
        return
    card = Recorder()
    report = run(order.script, card, Fill(pin=NEW_PIN, digest=bytes(32)), Insertion())

    assert {apdu[1] for apdu in card.sent} <= LISTED
    assert all(apdu[0] in (0x00, 0x10) for apdu in card.sent)
    assert sum(apdu[1] in (0x2C, 0x24) for apdu in card.sent) <= 2
    assert not any(apdu[1] == 0x20 and len(apdu) > 5 for apdu in card.sent)
    assert not any(apdu[1] == 0x87 and apdu[3] != 0x9E for apdu in card.sent)
    assert report.end is not End.REFUSED or not card.sent


@pytest.mark.parametrize("seconds", NEVER)
@pytest.mark.parametrize("field", ["begin_before", "sent_at"])
def test_S35_a_time_that_is_none_refuses_the_step(field: str, seconds: int) -> None:
    step = pb.Step(step_id="step-7", script=to_wire(SCRIPTS[0]))
    step.begin_before.FromDatetime(NOW)
    getattr(step, field).seconds = seconds

    with pytest.raises(OrderRefused, match="NO_SUCH_TIME"):
        wire.to_order(step, 0.0, lambda: NOW)


@pytest.mark.parametrize("seconds", NEVER)
def test_an_offer_that_ends_at_no_time_is_no_offer(seconds: int) -> None:
    pairing = pb.Pairing(page_address="https://unlock.example.org/open/a")
    pairing.expires_at.seconds = seconds

    with pytest.raises(GatewayAway):
        wire.to_pairing(pairing)


def test_S35_no_step_is_kept_longer_than_a_session() -> None:
    step = pb.Step(step_id="s", script=to_wire(SCRIPTS[0]))
    step.sent_at.FromDatetime(NOW)
    step.begin_before.FromDatetime(NOW + timedelta(days=3650))

    assert wire.to_order(step, 100.0, lambda: NOW).begin_by == 100.0 + wire.LONGEST_SECONDS


def test_S42_a_script_of_thousands_of_steps_is_refused_before_a_byte_is_sent() -> None:
    step = pb.Step(step_id="s", script=to_wire(SCRIPTS[0]))
    step.script.steps.extend([step.script.steps[0]] * 20_000)

    with pytest.raises(Refused, match="STEP_COUNT"):
        check(wire.to_order(step, 0.0, lambda: NOW).script)


async def test_S35_another_sessions_reset_finds_no_proven_card(tmp_path: Path) -> None:
    desk = Desk(tmp_path, service_with_card())
    await desk.prove()
    seen = list(desk.card_saw)
    order = Order("step", piv.reset_script(bytes(32), b"13572468", b"40718293"), bytes(32), desk.clock() + 60)

    report = await desk.steps.run(replace(SESSION, session_id="another"), order)

    assert (report.end, report.rule) == (End.NOT_RUN, "PROVE_AGAIN")
    assert desk.card_saw == seen


async def test_S41_a_sealed_passcode_is_good_for_one_reset_alone(tmp_path: Path) -> None:
    desk = Desk(tmp_path, service_with_card())
    await desk.prove()
    assert (await desk.reset()).end is End.COMPLETED
    seen = len(desk.card_saw)

    assert (await desk.reset()).rule == "PROVE_AGAIN"
    assert len(desk.card_saw) == seen
