"""Scripts and reports as the gateway writes and reads them: the other half of the agent's own `wire`."""

from smartcard_unlock.card_gateway.v1 import agents_pb2 as pb

from services.card_gateway.card.script import Answer, End, Report, Script, Step


def to_wire(script: Script) -> pb.Script:
    kind = pb.ScriptKind.Value(f"SCRIPT_KIND_{script.kind.value}")
    return pb.Script(kind=kind, steps=[_step(step) for step in script.steps])


def from_wire(report: pb.ReportStepRequest) -> Report:
    answers = tuple(Answer(answer.name, answer.status, answer.data) for answer in report.answers)
    end = End(pb.ScriptEnd.Name(report.end).removeprefix("SCRIPT_END_"))
    return Report(answers, end, report.in_flight, report.rule)


def _step(step: Step) -> pb.ScriptStep:
    one = step.command
    return pb.ScriptStep(
        name=step.name,
        command=pb.Command(cla=one.cla, ins=one.ins, p1=one.p1, p2=one.p2, data=one.data, le=one.le),
        slot=pb.Slot.Value(f"SLOT_{step.slot.value}") if step.slot else pb.SLOT_UNSPECIFIED,
        slot_offset=step.slot_offset,
        rules=_rules(step),
        keep=step.keep,
        expect_sha256=step.expect_sha256 or b"",
    )


def _rules(step: Step) -> list[pb.StatusRule]:
    return [
        pb.StatusRule(
            status=rule.status,
            mask=rule.mask,
            action=pb.StatusAction.Value(f"STATUS_ACTION_{rule.action.value}"),
            target=rule.target,
        )
        for rule in step.rules
    ]
