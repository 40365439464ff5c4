"""CHANGE: the current PIN sets the new one, or nothing changes; the last try is never spent unasked."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from services.card_gateway.card.guard import MAX_WRONG_PINS, Refused, check
from services.card_gateway.card.profiles.piv import changing, commands
from services.card_gateway.card.profiles.piv.scripts import ANYTHING
from services.card_gateway.card.script import End, Kind, Script, Slot, Step
from services.card_gateway.card.status_words import Tries
from services.card_gateway.card.verdict import ChangeVerdict, Holder
from tests.unit.card_gateway.card.one_card import (
    CARDS,
    CURRENT,
    NEW_PIN,
    OLD_PIN,
    OTHER_PIN,
    OneCard,
    one_card,
    padded,
)

HASH = bytes(32)
SCRIPT = changing.change_script(HASH, last_try=False)
SELECT, CHUID, CLEAR, TRIES, CHANGE = SCRIPT.steps
APDUS = len(SCRIPT.steps)
LOSSES = ("drop_before", "drop_after", "empty", "empty_before", "hang", "drop_inside")
LONG = 9.0  # seconds; longer than any port waits


def unblocked(make: str = "PivApplet", **wishes: Any) -> OneCard:
    return one_card(make, blocked=False, **wishes)


@pytest.mark.parametrize("make", CARDS)
def test_R2_the_current_pin_sets_the_new_one_and_no_puk_is_in_it(make: str) -> None:
    card = unblocked(make)

    assert card.change() == ChangeVerdict(Holder.SUCCESS)
    assert (card.eeprom.pin, card.eeprom.puk) == (padded(NEW_PIN), CURRENT)
    assert [each[:2] for each in card.eeprom.log] == [(0x24, 0x80)]


@pytest.mark.parametrize("make", CARDS)
def test_a_wrong_current_pin_costs_one_try_and_is_told_with_those_left(make: str) -> None:
    card = unblocked(make)
    left = card.eeprom.parameters.pin_tries - 1

    verdict = card.change(current=OTHER_PIN)
    assert verdict == ChangeVerdict(Holder.WRONG_PIN, "CURRENT_PIN_WRONG", Tries(blocked=False, left=left))
    assert card.eeprom.pin == padded(OLD_PIN)


@pytest.mark.parametrize("make", CARDS)
def test_the_last_try_is_not_spent_unasked(make: str) -> None:
    card = unblocked(make)
    card.eeprom.pin_left = 1

    assert card.change(current=OTHER_PIN).code == "LAST_TRY"
    assert (card.eeprom.pin_left, card.eeprom.log) == (1, [])


@pytest.mark.parametrize("make", CARDS)
def test_the_last_try_spent_on_purpose_and_wrong_is_told_as_a_locked_card(make: str) -> None:
    card = unblocked(make)
    card.eeprom.pin_left = 1

    verdict = card.change(current=OTHER_PIN, last_try=True)
    assert verdict == ChangeVerdict(Holder.WRONG_PIN, "CARD_LOCKED", Tries(blocked=True, left=0))


def test_the_last_try_spent_on_purpose_and_right_changes_the_pin() -> None:
    card = unblocked()
    card.eeprom.pin_left = 1

    assert card.change(last_try=True).holder is Holder.SUCCESS
    assert card.eeprom.pin_left == card.eeprom.parameters.pin_tries


@pytest.mark.parametrize("make", CARDS)
def test_a_blocked_card_is_sent_no_pin(make: str) -> None:
    card = one_card(make)

    assert card.change().code == "CARD_LOCKED"
    assert card.eeprom.log == []


def test_a_card_that_refuses_the_new_pin_keeps_the_old_one() -> None:
    card = unblocked(pin_history=3)
    card.change()
    verdict = card.change(current=NEW_PIN, pin=OLD_PIN)

    assert (verdict.holder, verdict.code) == (Holder.PIN_REFUSED, "PIN_REFUSED_BY_CARD")
    assert card.eeprom.pin == padded(NEW_PIN)


@pytest.mark.parametrize(
    ("sw", "holder"),
    [
        (0x6D00, Holder.FAILED),
        (0x6982, Holder.FAILED),
        (0x6F00, Holder.UNKNOWN),
        (0x6581, Holder.UNKNOWN),
        (0x6C10, Holder.UNKNOWN),
        (0x9001, Holder.UNKNOWN),
    ],
    ids=lambda value: f"{value:04X}" if isinstance(value, int) else value.name,
)
def test_R53_an_answer_that_says_nothing_is_unknown_and_never_success(sw: int, holder: Holder) -> None:
    card = unblocked()
    card.arm("status", 4, sw)

    assert card.change().holder is holder


def test_a_card_that_hides_its_count_is_sent_no_pin() -> None:
    card = unblocked()
    card.arm("status", 3, 0x9000)

    assert card.change().code == "TRIES_NOT_TOLD"
    assert card.eeprom.log == []


@pytest.mark.parametrize("make", CARDS)
@pytest.mark.parametrize("current", [OLD_PIN, OTHER_PIN], ids=["right", "wrong"])
@pytest.mark.parametrize(("kind", "at"), list(product(LOSSES, range(APDUS))))
def test_F16_a_card_lost_in_a_change_is_judged_truly(kind: str, at: int, current: str, make: str) -> None:
    card = unblocked(make)
    card.arm(kind, at, {"hang": LONG, "drop_inside": 1}.get(kind, 0))
    verdict = card.change(current=current)
    card.reinsert()

    changed = card.eeprom.pin == padded(NEW_PIN)
    assert verdict.holder is Holder.UNKNOWN or changed is (verdict.holder is Holder.SUCCESS)
    assert verdict.holder is not Holder.FAILED
    assert card.eeprom.wrong_pin_tries <= 1
    assert card.eeprom.puk == CURRENT
    if at < APDUS - 1:
        assert (verdict.holder, card.eeprom.log) == (Holder.NOT_ATTEMPTED, [])


@pytest.mark.parametrize(
    ("script", "rule"),
    [
        (replace(SCRIPT, steps=(*SCRIPT.steps, replace(CHANGE, name="again"))), "TOO_MANY_PINS"),
        (replace(SCRIPT, steps=(SELECT, TRIES, CHANGE)), "NO_EXPECT_BEFORE_SECRET"),
        (replace(SCRIPT, steps=(SELECT, CHUID, replace(CHANGE, keep=True))), "SECRET_STEP_KEPT"),
        (replace(SCRIPT, kind=Kind.RESET), "COMMAND_NOT_ALLOWED"),
        (replace(SCRIPT, kind=Kind.RECOVER), "COMMAND_NOT_ALLOWED"),
        (replace(SCRIPT, kind=Kind.PROVE), "COMMAND_NOT_ALLOWED"),
        (replace(SCRIPT, steps=(SELECT, CHUID, replace(CHANGE, slot=None))), "COMMAND_NOT_ALLOWED"),
        (replace(SCRIPT, steps=(SELECT, CHUID, replace(CHANGE, slot=Slot.PIN))), "COMMAND_NOT_ALLOWED"),
        (replace(SCRIPT, steps=(SELECT, CHUID, replace(CHANGE, slot_offset=8))), "SLOT_NOT_ALLOWED"),
    ],
)
def test_S35_I2_no_other_form_of_a_change_passes_the_agent(script: Script, rule: str) -> None:
    with pytest.raises(Refused) as refused:
        check(script)

    assert refused.value.rule == rule


def test_I2_a_change_script_cannot_reset_by_a_puk() -> None:
    unblock = Step("unblock", commands.reset_retry_counter(CURRENT), Slot.PIN, 8)

    with pytest.raises(Refused, match="COMMAND_NOT_ALLOWED"):
        check(replace(SCRIPT, steps=(SELECT, CHUID, unblock)))


def test_I2_a_gateway_cannot_put_a_current_pin_of_its_own_into_a_change() -> None:
    filled = replace(CHANGE, command=replace(CHANGE.command, data=padded(OLD_PIN) + bytes(8)))

    with pytest.raises(Refused, match="SLOT_NOT_ALLOWED"):
        check(replace(SCRIPT, steps=(SELECT, CHUID, TRIES, filled)))


def test_S35_a_gateway_that_skips_the_question_for_the_tries_sends_no_pin() -> None:
    card = unblocked()
    steps = (SELECT, replace(CHUID, expect_sha256=card.chuid_hash), CHANGE)
    report = card.run(Script(Kind.CHANGE, steps))

    assert (report.end, report.rule, card.eeprom.log) == (End.STOPPED, "TRIES_NOT_TOLD", [])


@pytest.mark.parametrize("left", [0, 1])
def test_S35_a_gateway_that_goes_on_at_the_last_try_sends_no_pin_unless_the_person_said_yes(
    left: int,
) -> None:
    card = unblocked()
    card.eeprom.pin_left = left
    chuid = replace(CHUID, expect_sha256=card.chuid_hash)
    script = Script(Kind.CHANGE, (SELECT, chuid, CLEAR, replace(TRIES, rules=(ANYTHING,)), CHANGE))

    assert card.run(script, current=OTHER_PIN).rule == "LAST_TRY"
    assert card.eeprom.pin_left == left


def test_S35_a_gateway_cannot_block_a_card_with_many_tries_in_one_insertion() -> None:
    card = unblocked("OpenFIPS201")
    codes = [card.change(current=OTHER_PIN).code for _ in range(MAX_WRONG_PINS + 2)]

    assert card.eeprom.wrong_pin_tries == MAX_WRONG_PINS
    assert codes[-1] == "PIN_TRIES_SPENT"
    card.reinsert()
    assert card.change().holder is Holder.SUCCESS


@pytest.mark.parametrize(
    ("current", "new", "rule"),
    [
        ("", NEW_PIN, "PIN_CURRENT_FORM"),
        ("739", NEW_PIN, "PIN_CURRENT_FORM"),
        ("73915A", NEW_PIN, "PIN_CURRENT_FORM"),
        ("739154739", NEW_PIN, "PIN_CURRENT_FORM"),
        (OLD_PIN, OLD_PIN, "PIN_SAME"),
        (OLD_PIN, "123456", "PIN_SEQUENCE"),
    ],
)
def test_S51_what_can_be_no_passcode_is_refused_before_a_byte_is_sent(
    current: str, new: str, rule: str
) -> None:
    card = unblocked()
    report = card.run(changing.change_script(card.chuid_hash, last_try=False), new, current)

    assert (report.end, report.rule, report.answers) == (End.PIN_REFUSED, rule, ())


def test_a_weak_current_passcode_can_be_changed() -> None:
    card = unblocked()
    card.eeprom.pin = padded("123456")

    assert card.change(current="123456").holder is Holder.SUCCESS
