"""The card is pulled, or says nothing, at every APDU of RESET and again inside the recovery.

Whatever happens: no verdict is wrong, the PUK is one of the two we know, no recovery spends more than
one wrong try, and in the end the card takes the new PIN.
"""

import random
from itertools import product

import pytest

from services.card_gateway.card.verdict import Holder, PukState, Verdict
from tests.unit.card_gateway.card.one_card import (
    CARDS,
    CURRENT,
    NEW_PIN,
    NEXT,
    OLD_PIN,
    OTHER_PIN,
    OneCard,
    one_card,
    padded,
)

RESET_APDUS = 6  # select, CHUID, unblock, rotate, clear, tries
LOSSES = ("drop_before", "drop_after", "empty", "empty_before", "hang", "drop_inside")
FAULTS = list(product(LOSSES, range(RESET_APDUS)))
LONG = 9.0  # seconds; longer than any port waits


def lose(card: OneCard, kind: str, at: int) -> None:
    card.arm(kind, at, {"hang": LONG, "drop_inside": 1}.get(kind, 0))


def assert_true(card: OneCard, verdict: Verdict, before: str, wanted: str) -> None:
    """The verdict agrees with the card, as far as it says anything."""
    may_be = {Holder.SUCCESS: {wanted}, Holder.UNKNOWN: {before, wanted}}.get(verdict.holder, {before})
    assert card.eeprom.pin in {padded(pin) for pin in may_be}
    assert card.puk_is(verdict)
    lost_tries = card.eeprom.parameters.puk_tries - card.eeprom.puk_left
    assert lost_tries <= verdict.wrong_puk_tries


def finish(card: OneCard, verdict: Verdict) -> None:
    """What a next session does: settle the PUK where it is not known, else reset with the known one."""
    before = card.eeprom.wrong_puk_tries
    if verdict.puk is PukState.UNKNOWN:
        last = card.recover(lost=verdict.lost)
    else:
        last = card.reset(CURRENT if verdict.puk is PukState.CURRENT else NEXT, b"13572468")
        last = last if last.holder is not Holder.SUCCESS else Verdict(last.holder, puk=verdict.puk)
    assert last.holder is Holder.SUCCESS
    assert card.eeprom.wrong_puk_tries - before <= 1
    assert card.eeprom.pin == padded(NEW_PIN)
    assert card.eeprom.puk_left == card.eeprom.parameters.puk_tries


@pytest.mark.parametrize("make", CARDS)
@pytest.mark.parametrize("blocked", [True, False], ids=["LOCKED", "FORGOTTEN"])
@pytest.mark.parametrize(("kind", "at"), FAULTS)
def test_F16_a_card_lost_in_a_reset_is_judged_truly_and_recovered(
    kind: str, at: int, blocked: bool, make: str
) -> None:
    card = one_card(make, blocked=blocked)
    lose(card, kind, at)
    verdict = card.reset()
    card.reinsert()

    assert_true(card, verdict, before=OLD_PIN, wanted=NEW_PIN)
    assert verdict.holder is not Holder.FAILED
    finish(card, verdict)
    assert card.eeprom.wrong_puk_tries <= 1


@pytest.mark.parametrize("make", CARDS)
@pytest.mark.parametrize("blocked", [True, False], ids=["LOCKED", "FORGOTTEN"])
@pytest.mark.parametrize(
    ("first", "kind", "at"), [(first, *fault) for first, fault in product(LOSSES[:2], FAULTS)]
)
def test_I4_a_card_lost_again_inside_its_recovery_costs_one_wrong_try_at_most(
    first: str, kind: str, at: int, blocked: bool, make: str
) -> None:
    card = one_card(make, blocked=blocked)
    lose(card, first, 3)  # the rotation: the one fault after which the PUK is not known
    verdict = card.reset()
    card.reinsert()
    assert verdict.holder is Holder.SUCCESS
    assert verdict.puk is PukState.UNKNOWN

    lose_in_recovery(card, kind, at)
    again = card.recover(pin=OTHER_PIN)
    card.reinsert()
    assert_true(card, again, before=NEW_PIN, wanted=OTHER_PIN)
    finish(card, again)

    assert card.eeprom.wrong_puk_tries <= 1


def lose_in_recovery(card: OneCard, kind: str, at: int) -> None:
    """Arm it for the recovery's own commands: `recover` reads the card first."""
    before = card.port.card.sent
    card.read()
    lose(card, kind, card.port.card.sent - before + at)


@pytest.mark.parametrize("make", CARDS)
def test_a_holder_who_blocked_the_new_pin_before_the_recovery_costs_one_wrong_try(make: str) -> None:
    card = one_card(make)
    card.arm("drop_after", 3)
    verdict = card.reset()
    card.reinsert()
    card.eeprom.pin_left = 0  # the new PIN, typed wrongly until it was blocked: looks as if nothing was set

    finish(card, verdict)

    assert card.eeprom.wrong_puk_tries == 1


def test_I4_no_sequence_of_faults_spends_the_last_try_or_ends_in_a_wrong_verdict() -> None:
    for seed in range(1500):
        _live(random.Random(seed))


def _live(chance: random.Random) -> None:
    """Sessions with a fault each, while the budget allows, which is kept as the gateway keeps it."""
    card = one_card(chance.choice(list(CARDS)), blocked=chance.random() < 0.5)
    verdict, believed = Verdict(Holder.NOT_ATTEMPTED, puk=PukState.CURRENT), card.eeprom.parameters.puk_tries
    for _ in range(6):
        lose_in_recovery(card, chance.choice(LOSSES), chance.randrange(9))
        spent = card.eeprom.wrong_puk_tries
        verdict = card.recover(verdict.lost) if verdict.puk is PukState.UNKNOWN else _plain_reset(card)
        believed = _believe(card, believed, verdict)
        card.reinsert()

        assert card.puk_is(verdict)
        assert card.eeprom.wrong_puk_tries - spent <= 1
        assert card.eeprom.puk_left >= believed >= 1
        if believed < 2 or verdict.puk is PukState.NEXT:
            return


def _plain_reset(card: OneCard) -> Verdict:
    card.read()  # as `recover` does, so that faults fall on the same places
    return card.reset()


def _believe(card: OneCard, believed: int, verdict: Verdict) -> int:
    if verdict.holder is Holder.SUCCESS:
        return card.eeprom.parameters.puk_tries - verdict.wrong_puk_tries
    return believed - verdict.wrong_puk_tries if verdict.puk_tries_left is None else verdict.puk_tries_left
