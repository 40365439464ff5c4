"""Scripts to the wire, reports from it."""

from smartcard_unlock.card_gateway.v1 import agents_pb2 as wire

from services.card_gateway.card.apdu import Command
from services.card_gateway.card.script import Answer, Report, Script, Step
from services.card_gateway.servicer.words import end_of


def script(value: Script) -> wire.Script:
    """The script as the contract has it. SECRET: may hold PUKs."""
    kind = wire.ScriptKind.Value(f"SCRIPT_KIND_{value.kind.value}")
    return wire.Script(kind=kind, steps=[_step(step) for step in value.steps])


def report_of(request: wire.ReportStepRequest) -> Report:
    """What an agent reported."""
    answers = tuple(Answer(answer.name, answer.status & 0xFFFF, answer.data) for answer in request.answers)
    return Report(answers, end_of(request.end), request.in_flight, request.rule)


def _step(step: Step) -> wire.ScriptStep:
    rules = [
        wire.StatusRule(
            status=rule.status,
            mask=rule.mask,
            action=wire.StatusAction.Value(f"STATUS_ACTION_{rule.action.value}"),
            target=rule.target,
        )
        for rule in step.rules
    ]
    return wire.ScriptStep(
        name=step.name,
        command=_command(step.command),
        slot=wire.Slot.Value(f"SLOT_{step.slot.value if step.slot else 'UNSPECIFIED'}"),
        slot_offset=step.slot_offset,
        rules=rules,
        keep=step.keep,
        expect_sha256=step.expect_sha256 or b"",
    )


def _command(command: Command) -> wire.Command:
    return wire.Command(
        cla=command.cla, ins=command.ins, p1=command.p1, p2=command.p2, data=command.data, le=command.le
    )
