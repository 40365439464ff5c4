"""A gateway and a card that send whatever they like: what stays true. S35, S55, F18."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.card_gateway.card.apdu import CardGone, Command
from services.card_gateway.card.guard import Insertion
from services.card_gateway.card.profiles import piv
from services.card_gateway.card.proof import Algorithm
from services.card_gateway.card.runner import Fill, run
from services.card_gateway.card.script import Action, End, Kind, Script, Slot, StatusRule, Step
from services.card_gateway.card.verdict import Holder
from tests.unit.card_gateway.card.one_card import CURRENT, DIGEST, NEW_PIN, NEXT, one_card, padded

CARD = one_card()
SCRIPTS = (
    piv.read_script(),
    piv.prove_script(CARD.chuid_hash, Algorithm.P256),
    piv.reset_script(CARD.chuid_hash, CURRENT, NEXT),
    piv.recover_script(CARD.chuid_hash, piv.order_candidates(CURRENT, NEXT, pin_blocked=False)),
)
STEPS = tuple(step for script in SCRIPTS for step in script.steps)
BYTE = st.sampled_from(
    [0x00, 0x04, 0x11, 0x20, 0x24, 0x2C, 0x3F, 0x80, 0x81, 0x87, 0x9A, 0x9E, 0xA4, 0xCB, 0xDB, 0xFF]
)
RULES = [
    StatusRule(0, 0),
    *(StatusRule(0, 0, Action.JUMP, target) for target in ("unblock", "rotate", "clear", "chuid")),
]
PIN = padded(NEW_PIN)


class Recorder:
    """Answers as a given card does to reading, and 9000 to anything else."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        self.sent.append(apdu)
        if apdu[1] in (0xA4, 0xCB, 0xC0):
            return CARD.port.transmit(apdu)
        return b"", 0x9000


@st.composite
def bent_steps(draw: st.DrawFn) -> Step:
    """A step of ours, bent in one place."""
    step = replace(draw(st.sampled_from(STEPS)), name="bent")
    what = draw(
        st.sampled_from(["ins", "p1", "p2", "cla", "data", "slot", "offset", "rules", "expect", "keep"])
    )
    match what:
        case "slot":
            return replace(step, slot=draw(st.sampled_from([*Slot, None])))
        case "offset":
            return replace(step, slot_offset=draw(st.sampled_from([0, 6, 8, 10])))
        case "rules":
            return replace(step, rules=(draw(st.sampled_from(RULES)),))
        case "expect":
            return replace(step, expect_sha256=draw(st.sampled_from([CARD.chuid_hash, bytes(32), None])))
        case "keep":
            return replace(step, keep=not step.keep)
        case "data":
            return replace(
                step, command=replace(step.command, data=draw(st.sampled_from(STEPS)).command.data)
            )
    change: dict[str, Any] = {what: draw(BYTE)}
    return replace(step, command=replace(step.command, **change))


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    """A script of ours with up to three steps put in, taken out, exchanged or bent, or under another name."""
    ours = draw(st.sampled_from(SCRIPTS))
    steps = list(ours.steps)
    for number in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(steps) - 1))
        match draw(st.sampled_from(["put in", "take out", "exchange", "bend"])):
            case "put in":
                steps.insert(at, replace(draw(bent_steps()), name=f"new-{number}"))
            case "take out" if len(steps) > 1:
                del steps[at]
            case "exchange":
                steps[at], steps[0] = steps[0], steps[at]
            case "bend":
                steps[at] = replace(draw(bent_steps()), name=steps[at].name)
    kind = draw(st.sampled_from([ours.kind, ours.kind, ours.kind, *Kind]))
    return Script(kind, tuple(steps))


@settings(max_examples=1000)
@given(scripts())
def test_S35_the_pin_goes_nowhere_but_into_a_reset_of_the_card_that_was_expected(script: Script) -> None:
    CARD.port.reset()
    recorder = Recorder()
    report = run(script, recorder, Fill(pin=NEW_PIN, digest=DIGEST), Insertion())

    if report.end in (End.REFUSED, End.PIN_REFUSED):
        assert not recorder.sent
    carrying = [index for index, apdu in enumerate(recorder.sent) if PIN in apdu]
    for index in carrying:
        assert recorder.sent[index][:5] == bytes.fromhex("002C008010")
        assert recorder.sent[index][13:] == PIN
        assert bytes.fromhex("00CB3FFF055C035FC10200") in recorder.sent[:index]
        assert expected(script) == CARD.chuid_hash
    assert sum(apdu[1] in (0x2C, 0x24) for apdu in recorder.sent) <= 2
    assert {apdu[1] for apdu in recorder.sent} <= {0xA4, 0xCB, 0xC0, 0x20, 0x87, 0xF7, 0x2C, 0x24}
    assert not any(PIN in answer.data for answer in report.answers)


def expected(script: Script) -> bytes | None:
    return next((step.expect_sha256 for step in script.steps if step.expect_sha256 is not None), None)


class Babbler:
    """A card that answers what it was dealt, then is gone."""

    def __init__(self, answers: list[tuple[bytes, int]]) -> None:
        self.answers = answers

    def transmit(self, apdu: bytes) -> tuple[bytes, int]:
        if not self.answers:
            raise CardGone
        return self.answers.pop(0)


SW = st.sampled_from(
    [0x9000, 0x6100, 0x6110, 0x6C10, 0x63C2, 0x63C0, 0x6983, 0x6A80, 0x6A82, 0x6F00, 0x0000, 0xFFFF]
)
ANSWERS = st.lists(st.tuples(st.binary(max_size=300), SW | st.integers(0, 0xFFFF)), max_size=40)


@given(ANSWERS, st.sampled_from(SCRIPTS))
def test_F18_whatever_a_card_says_the_outcome_is_a_report_and_a_verdict(
    answers: list[tuple[bytes, int]], script: Script
) -> None:
    report = run(script, Babbler(answers), Fill(pin=NEW_PIN, digest=DIGEST), Insertion())

    piv.parse_read(report)
    piv.parse_proof(report)
    for judge, steps in (
        (piv.judge_reset, {"unblock"}),
        (piv.judge_recover, {"unblock-next", "unblock-current"}),
    ):
        accepted = any(answer.sw == 0x9000 for answer in report.answers if answer.name in steps)
        assert (judge(report).holder is Holder.SUCCESS) == accepted


def test_data_that_nobody_asked_to_keep_does_not_go_back() -> None:
    steps = (Step("select", Command(0, 0xA4, 0x04, 0, bytes.fromhex("A00000030800001000"), le=0)),)
    report = run(Script(Kind.READ, steps), CARD.port, Fill(), Insertion())

    assert report.answers[0].sw == 0x9000
    assert report.answers[0].data == b""


def test_I4_the_script_itself_stops_where_one_try_is_left() -> None:
    first = SCRIPTS[3].steps[2]

    assert [first.rule_for(sw).action for sw in (0x63C0, 0x63C1, 0x6983)] == [Action.STOP] * 3
    assert first.rule_for(0x63C2).action is Action.NEXT
