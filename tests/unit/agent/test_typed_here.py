"""Passcodes that are typed at the agent, from the question to the card; and none from a page instead."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from services.agent.agreeing import Agreed
from services.agent.ports import Typed
from services.agent.steps import Proven
from services.card_gateway.card.script import End, Report
from tests.unit.agent.test_steps import QUESTION, Desk
from tests.unit.agent.world import NEW_PIN, PIN, service_with_card

TYPE_HERE = replace(QUESTION, pin_at_agent=True)
CHANGE_HERE = replace(TYPE_HERE, reason="CHANGE")
NOT_SEALED: dict[str, Any] = {"sealed_pin": b"", "sealed_current_pin": b"", "pin_attempt_id": ""}
REFUSED = Report((), End.REFUSED, rule="SEALED_PIN_REFUSED")


class Asking(Desk):
    """A desk whose gateway asks for passcodes to be typed."""

    question = TYPE_HERE

    async def prove(self, **more: object) -> Report:
        return await super().prove(**{"question": self.question, **more})


async def test_R53_what_was_typed_is_set(tmp_path: Path) -> None:
    desk = Asking(tmp_path, service_with_card())
    assert (await desk.prove()).end is End.COMPLETED

    report = await desk.reset(**NOT_SEALED)

    assert (report.end, report.sw("unblock")) == (End.COMPLETED, 0x9000)
    assert desk.window.asked == [("12AB", 60.0)]


async def test_R2_both_are_typed_for_a_change(tmp_path: Path) -> None:
    desk = Asking(tmp_path, service_with_card(blocked=False))
    desk.question = CHANGE_HERE
    await desk.prove()

    report = await desk.change(**NOT_SEALED)

    assert (report.end, report.sw("change")) == (End.COMPLETED, 0x9000)


async def test_S35_nothing_sealed_replaces_what_was_typed(tmp_path: Path) -> None:
    desk = Asking(tmp_path, service_with_card())
    await desk.prove()
    seen = list(desk.card_saw)

    assert await desk.reset() == REFUSED
    assert desk.card_saw == seen


async def test_S35_without_a_passcode_nothing_is_set(tmp_path: Path) -> None:
    desk = Desk(tmp_path, service_with_card())
    await desk.prove()

    assert await desk.reset(**NOT_SEALED) == Report((), End.PIN_REFUSED, rule="PIN_NOT_OPENED")


async def test_S35_a_workstation_set_to_it_refuses_a_sealed_passcode_before_the_card_is_touched(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path, service_with_card(), only_typed_here=True)

    assert await desk.prove() == REFUSED
    assert desk.window.asked == []
    assert desk.card_saw.count("begin") == 1  # of the READ


async def test_S35_nor_does_it_take_one_after_a_question_that_promised_typing(tmp_path: Path) -> None:
    desk = Asking(tmp_path, service_with_card(), only_typed_here=True)
    await desk.prove()

    assert await desk.reset() == REFUSED
    assert (await desk.reset(**NOT_SEALED)).end is End.COMPLETED


async def test_R51_a_person_who_does_not_finish_leaves_the_card_alone_and_may_try_again(
    tmp_path: Path,
) -> None:
    desk = Asking(tmp_path, service_with_card(), says_yes=False)
    assert await desk.prove() == Report((), End.DECLINED)

    desk.window.says_yes = True
    await desk.prove()
    assert (await desk.reset(**NOT_SEALED)).end is End.COMPLETED


async def test_I12_what_was_typed_is_kept_for_one_reset_and_no_longer(tmp_path: Path) -> None:
    desk = Asking(tmp_path, service_with_card())
    await desk.prove()
    proven = desk.steps._proven
    assert isinstance(proven, Proven)
    assert proven.agreed == Agreed(TYPE_HERE, Typed(NEW_PIN, PIN))
    assert desk.steps._agreed is None
    await desk.reset(**NOT_SEALED)
    assert desk.steps._proven is None

    await desk.prove()
    await desk.steps.release()
    assert (desk.steps._proven, desk.steps._agreed) == (None, None)


async def test_I12_the_journal_never_holds_what_was_typed(tmp_path: Path) -> None:
    desk = Asking(tmp_path, service_with_card(blocked=False))
    desk.question = CHANGE_HERE
    await desk.prove()
    await desk.change(**NOT_SEALED)
    journal = (tmp_path / "session.jsonl").read_text()

    assert '"send": "change"' in journal
    assert NEW_PIN not in journal
    assert PIN not in journal
