"""What of GIDS an agent sends at all, and to what it is held while it does."""

import hashlib
from dataclasses import replace

import pytest

from deploy.local.virtual_card import FaultyCard, InProcessCard, VirtualGids, make_gids_card
from services.card_gateway.card.apdu import Command
from services.card_gateway.card.facts import CardFacts
from services.card_gateway.card.guard import Insertion, Refused, check
from services.card_gateway.card.profiles import gids, read_script
from services.card_gateway.card.runner import Fill, run
from services.card_gateway.card.script import Action, End, Kind, Script, Slot, StatusRule, Step

HASH = bytes(32)
PROVE = gids.prove_script(HASH, None)
ANSWER = gids.answer_script(HASH, bytes(40))
SELECT, CARD_ID, KEY, CHALLENGE = PROVE.steps
SAME, RESPONSE, SET_PIN, STATUS = ANSWER.steps
NEXT = StatusRule(0, 0, Action.NEXT)


def step(ins: int, p1: int, p2: int, data: str = "", slot: Slot | None = None, offset: int = 0) -> Step:
    return Step("extra", Command(0, ins, p1, p2, bytes.fromhex(data), 0), slot, offset)


@pytest.mark.parametrize("script", [PROVE, ANSWER, read_script()], ids=lambda each: each.kind.name)
def test_our_own_scripts_are_allowed(script: Script) -> None:
    check(script)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    "extra",
    [
        step(0x22, 0xC1, 0xA4, "830181"),
        step(0x22, 0x41, 0xA4, "830180"),
        step(0x87, 0, 0, "7C028100"),  # external authentication: the card would prove nothing
        step(0x87, 0, 0, "7C0A8208" + "00" * 8),
        step(0x87, 0, 0, "7C2A8228" + "00" * 39),
        step(0x87, 0, 0, "7C128110" + "00" * 16),  # a challenge that somebody else chose
        step(0x87, 0, 0, "7C128110" + "00" * 16, Slot.CHALLENGE, 3),
        step(0x87, 0, 1, "7C128110" + "00" * 16, Slot.CHALLENGE, 4),
        step(0x87, 0, 0, "7C128110" + "11" * 16, Slot.CHALLENGE, 4),
        step(0x2C, 2, 0x80, "313233343536"),
        step(0x2C, 2, 0x80, "31", Slot.PIN_RAW, 1),
        step(0x2C, 2, 0x80, "00" * 8, Slot.PIN),
        step(0x2C, 2, 0x81, "", Slot.PIN_RAW),
        step(0x2C, 0, 0x80, "00" * 8, Slot.PIN_RAW, 8),
        step(0x20, 0, 0x80, "", Slot.PIN_RAW),
        step(0x20, 0, 0x82),
        step(0x24, 1, 0x80, "", Slot.PIN_RAW),
        step(0xDB, 0x3F, 0xFF, "", Slot.PIN_RAW),
        step(0xCB, 0xA0, 0x10, "5C02DF22"),
        step(0xCB, 0xA0, 0x12, "5C02DF21"),
        step(0xDB, 0x3F, 0xFF, "702484018000"),
    ],
)
def test_S35_what_is_not_on_the_list_is_refused_in_every_script(kind: Kind, extra: Step) -> None:
    for steps in ((extra,), (SELECT, CARD_ID, extra)):
        with pytest.raises(Refused):
            check(Script(kind, steps))


@pytest.mark.parametrize(
    ("kinds", "extra"),
    [
        ({Kind.PROVE}, KEY),
        ({Kind.PROVE}, CHALLENGE),
        ({Kind.RESET}, RESPONSE),
        ({Kind.RESET}, SET_PIN),
    ],
)
def test_each_command_has_its_place(kinds: set[Kind], extra: Step) -> None:
    for kind in set(Kind) - kinds:
        with pytest.raises(Refused) as refused:
            check(Script(kind, (SAME, extra)))
        assert refused.value.rule == "COMMAND_NOT_ALLOWED"


@pytest.mark.parametrize(
    ("steps", "rule"),
    [
        ((RESPONSE, SET_PIN), "NO_EXPECT_BEFORE_SECRET"),
        ((RESPONSE, SAME, SET_PIN), "NO_EXPECT_BEFORE_SECRET"),
        ((SET_PIN,), "NO_EXPECT_BEFORE_SECRET"),
        ((replace(SAME, expect_sha256=None), RESPONSE), "NO_EXPECT_BEFORE_SECRET"),
        ((replace(STATUS, expect_sha256=HASH), RESPONSE), "NO_EXPECT_BEFORE_SECRET"),
        ((replace(SAME, rules=(NEXT,)), RESPONSE), "EXPECT_CAN_BE_SKIPPED"),
        ((SAME, RESPONSE, replace(RESPONSE, name="again")), "TOO_MANY_ANSWERS"),
        ((SAME, RESPONSE, SET_PIN, replace(SET_PIN, name="again")), "TOO_MANY_PINS"),
        ((SAME, RESPONSE, replace(SET_PIN, keep=True)), "SECRET_STEP_KEPT"),
    ],
)
def test_S35_no_secret_before_the_card_is_known_and_none_twice(steps: tuple[Step, ...], rule: str) -> None:
    with pytest.raises(Refused) as refused:
        check(Script(Kind.RESET, steps))

    assert refused.value.rule == rule


def test_two_wrong_answers_an_insertion_and_no_third() -> None:
    eeprom, _ = make_gids_card(pin="739154", admin_tries=5)
    port, insertion = InProcessCard(FaultyCard(VirtualGids(eeprom))), Insertion()
    fill = Fill(pin="860247", digest=bytes(32))
    facts = gids.parse_read(run(read_script(), port, fill, insertion))
    assert isinstance(facts, CardFacts)
    ends = []
    for _ in range(4):
        run(gids.prove_script(facts.chuid_hash, None), port, fill, insertion)
        ends.append(run(gids.answer_script(facts.chuid_hash, bytes(40)), port, fill, insertion))

    assert [(report.end, report.rule) for report in ends[2:]] == [(End.STOPPED, "PUK_TRIES_SPENT")] * 2
    assert eeprom.wrong_admin_tries == 2


def test_the_pin_goes_out_as_it_is_typed() -> None:
    seen: list[bytes] = []

    class Recording:
        def transmit(self, apdu: bytes) -> tuple[bytes, int]:
            seen.append(apdu)
            return b"", 0x9000

    script = gids.answer_script(hashlib.sha256(b"").digest(), bytes(40))
    run(script, Recording(), Fill(pin="860247", digest=bytes(32)), Insertion())

    assert seen[2] == bytes.fromhex("002C028006") + b"860247"
