"""The contract's messages and the agent's own words for them, both ways.

Tolerant of what is new and harmless, strict where it leads to a card: an unknown kind, slot or action makes
the whole step one that no agent runs.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from smartcard_unlock.card_gateway.v1 import agents_pb2 as pb

from services.agent.facts import Facts, Presence
from services.agent.ports import GatewayAway, Order, OrderRefused, Pairing, Question
from services.card_gateway.card.apdu import Command
from services.card_gateway.card.script import Action, Kind, Report, Script, Slot, StatusRule, Step

BEGIN_SECONDS = 60.0
"""How long a step without a time of its own may wait for its beginning."""

LONGEST_SECONDS = 45 * 60.0
"""No step waits longer for its beginning, whatever the gateway says: no session lasts longer."""

_PRESENCE = {
    Presence.EMPTY: pb.CARD_PRESENCE_EMPTY,
    Presence.PRESENT: pb.CARD_PRESENCE_PRESENT,
    Presence.MUTE: pb.CARD_PRESENCE_MUTE,
    Presence.CONTACTLESS: pb.CARD_PRESENCE_EMPTY,  # none that could be unlocked
}


def to_facts(facts: Facts) -> pb.ReaderFacts:
    """Say what the readers are like."""
    readers = [
        pb.Reader(name=reader.name[:128], presence=_PRESENCE[reader.presence]) for reader in facts.readers
    ]
    return pb.ReaderFacts(service_up=facts.service_up, readers=readers)


def to_pairing(pairing: pb.Pairing) -> Pairing:
    """Read how a page finds us. Raises GatewayAway for an end that is no time."""
    try:
        ends_at = _instant(pairing.expires_at).isoformat()
    except (ValueError, OverflowError):
        raise GatewayAway("ANSWER_NOT_UNDERSTOOD") from None
    return Pairing(pairing.page_address, pairing.pairing_code, ends_at)


def to_order(step: pb.Step, received: float, wall: Callable[[], datetime]) -> Order:
    """Read a step that arrived at `received` on the monotonic clock. Raises OrderRefused."""
    try:
        script = _script(step.script)
    except (ValueError, KeyError):
        raise OrderRefused(step.step_id, "UNKNOWN_KIND") from None
    question = _question(step.question) if step.HasField("question") else None
    try:
        begin_by = received + min(_seconds_left(step, wall), LONGEST_SECONDS)
    except (ValueError, OverflowError):
        raise OrderRefused(step.step_id, "NO_SUCH_TIME") from None
    return Order(
        step.step_id, script, step.nonce, begin_by, question, step.sealed_pin, step.pin_attempt_id,
        step.sealed_current_pin,
    )  # fmt: skip


def _question(asked: pb.Question) -> Question:
    return Question(asked.last_four, asked.reason, asked.last_try, asked.pin_at_agent)


def to_report(session_id: str, token: str, step_id: str, report: Report) -> pb.ReportStepRequest:
    """Say what a step did."""
    answers = [pb.Answer(name=answer.name, status=answer.sw, data=answer.data) for answer in report.answers]
    return pb.ReportStepRequest(
        session_id=session_id,
        agent_token=token,
        step_id=step_id,
        answers=answers,
        end=pb.ScriptEnd.Value(f"SCRIPT_END_{report.end.value}"),
        in_flight=report.in_flight,
        rule=report.rule,
    )


def _seconds_left(step: pb.Step, wall: Callable[[], datetime]) -> float:
    """Count by the gateway's clock where it told us; ours may be wrong by minutes."""
    if not step.HasField("begin_before"):
        return BEGIN_SECONDS
    sent = _instant(step.sent_at) if step.HasField("sent_at") else wall()
    return (_instant(step.begin_before) - sent).total_seconds()


def _script(script: pb.Script) -> Script:
    return Script(
        Kind(pb.ScriptKind.Name(script.kind).removeprefix("SCRIPT_KIND_")),
        tuple(_step(step) for step in script.steps),
    )


def _step(step: pb.ScriptStep) -> Step:
    slot = None if step.slot == pb.SLOT_UNSPECIFIED else Slot(pb.Slot.Name(step.slot).removeprefix("SLOT_"))
    return Step(
        name=step.name,
        command=_command(step.command),
        slot=slot,
        slot_offset=step.slot_offset,
        rules=tuple(_rule(rule) for rule in step.rules),
        keep=step.keep,
        expect_sha256=step.expect_sha256 or None,
    )


def _command(command: pb.Command) -> Command:
    le = command.le if command.HasField("le") else None
    header = (command.cla, command.ins, command.p1, command.p2)
    if max(*header, le or 0) > 0xFF:
        raise ValueError("a byte has eight bits")
    return Command(*header, command.data, le)


def _rule(rule: pb.StatusRule) -> StatusRule:
    action = Action(pb.StatusAction.Name(rule.action).removeprefix("STATUS_ACTION_"))
    return StatusRule(rule.status, rule.mask, action, rule.target)


def _instant(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)
