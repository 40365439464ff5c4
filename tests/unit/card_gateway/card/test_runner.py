import pytest

from services.card_gateway.card.apdu import CardWasReset
from services.card_gateway.card.guard import Insertion
from services.card_gateway.card.profiles import piv
from services.card_gateway.card.runner import Fill, run
from services.card_gateway.card.script import End, Report, secret_sent
from services.card_gateway.card.verdict import Holder, PukState
from tests.unit.card_gateway.card.one_card import CURRENT, DIGEST, NEW_PIN, NEXT, one_card

FILL = Fill(pin=NEW_PIN, digest=DIGEST)


def test_progress_is_told_before_each_send_and_after_each_answer() -> None:
    card, told = one_card(), list[object]()
    script = piv.reset_script(card.chuid_hash, CURRENT, NEXT)
    run(
        script,
        card.port,
        FILL,
        Insertion(),
        on_send=told.append,
        on_answer=lambda *answer: told.append(answer),
    )

    names = [step.name for step in script.steps]
    assert told[::2] == names
    assert told[1::2] == [(name, sw) for name, sw in zip(names, [0x9000] * 5 + [0x63C5], strict=True)]


def test_a_killed_agent_reports_what_it_wrote_down_and_is_judged_as_if_the_card_was_pulled() -> None:
    card, sent = one_card(), list[str]()
    card.arm("drop_after", 3)
    script = piv.reset_script(card.chuid_hash, CURRENT, NEXT)
    report = run(script, card.port, FILL, Insertion(), on_send=sent.append)

    assert sent[-1] == report.in_flight == "rotate"
    restarted = Report(report.answers, End.INTERRUPTED, in_flight="rotate")
    assert piv.judge_reset(restarted) == piv.judge_reset(report)


def test_I12_no_secret_is_in_a_report_or_a_repr() -> None:
    card = one_card()
    script = piv.reset_script(card.chuid_hash, CURRENT, NEXT)
    shown = repr(
        (script, card.run(script), FILL, piv.order_candidates(CURRENT, NEXT, pin_blocked=True), card.eeprom)
    )

    for secret in (CURRENT, NEXT, NEW_PIN.encode(), DIGEST):
        assert secret.decode("latin-1") not in shown
        assert secret.hex() not in shown


def test_F17_another_card_gets_no_secret() -> None:
    card, other = one_card(), one_card()
    report = other.run(piv.reset_script(card.chuid_hash, CURRENT, NEXT))

    assert report.end is End.CARD_CHANGED
    assert not other.eeprom.log
    verdict = piv.judge_reset(report)
    assert (verdict.holder, verdict.code, verdict.puk) == (
        Holder.NOT_ATTEMPTED,
        "CARD_CHANGED",
        PukState.CURRENT,
    )


def test_out_of_time_between_two_commands_leaves_nothing_in_flight() -> None:
    card, ticks = one_card(), iter([False, False, True])
    script = piv.reset_script(card.chuid_hash, CURRENT, NEXT)
    report = run(script, card.port, FILL, Insertion(), out_of_time=lambda: next(ticks))

    assert (report.end, report.in_flight, len(report.answers)) == (End.TIMED_OUT, "", 2)
    assert piv.judge_reset(report).holder is Holder.NOT_ATTEMPTED


@pytest.mark.parametrize(("at", "sent"), [(0, False), (1, False), (2, True), (3, True)])
def test_a_script_may_be_run_again_only_while_no_secret_was_sent(at: int, sent: bool) -> None:
    card = one_card()
    script = piv.reset_script(card.chuid_hash, CURRENT, NEXT)

    class Disturbed:
        calls = 0

        def transmit(self, apdu: bytes) -> tuple[bytes, int]:
            self.calls += 1
            if self.calls > at:
                raise CardWasReset
            return card.port.transmit(apdu)

    report = run(script, Disturbed(), FILL, Insertion())

    assert (report.end, report.rule) == (End.CARD_GONE, "RESET_BY_OTHER")
    assert secret_sent(script, report) is sent


JUDGED_AT = {0: Holder.NOT_ATTEMPTED, 1: Holder.NOT_ATTEMPTED, 2: Holder.UNKNOWN}
"""By the command that went wrong: select, CHUID, unblock; after that the PIN is set."""


@pytest.mark.parametrize("fault", ["endless_61", "too_long", "endless_6c"])
@pytest.mark.parametrize("at", range(6))
def test_F18_a_card_that_never_stops_talking_ends_the_script_and_is_judged_unknown_at_worst(
    fault: str, at: int
) -> None:
    card = one_card()
    card.arm(fault, at, 9000)
    verdict = card.reset()

    assert card.puk_is(verdict)
    assert verdict.holder is JUDGED_AT.get(at, Holder.SUCCESS)
