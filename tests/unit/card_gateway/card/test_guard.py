"""The agent against a bad gateway: what it refuses before the first byte, and while it runs."""

from dataclasses import replace

import pytest

from services.card_gateway.card.apdu import Command
from services.card_gateway.card.guard import Insertion, Refused, check
from services.card_gateway.card.profiles import piv
from services.card_gateway.card.profiles.gids import commands as gids_commands
from services.card_gateway.card.profiles.piv import changing, signing_in
from services.card_gateway.card.proof import Algorithm
from services.card_gateway.card.runner import Fill, run
from services.card_gateway.card.script import Action, End, Kind, Script, Slot, StatusRule, Step
from tests.unit.card_gateway.card.one_card import CURRENT, DIGEST, NEW_PIN, NEXT, STRANGE, one_card

HASH = bytes(32)
TO_SIGN = bytes.fromhex("7C2482008120") + bytes(32)
READ = piv.read_script()
PROVE = piv.prove_script(HASH, Algorithm.RSA2048)
RESET = piv.reset_script(HASH, CURRENT, NEXT)
CHANGE = changing.change_script(HASH, last_try=True)
RECOVER = piv.recover_script(HASH, piv.order_candidates(CURRENT, NEXT, pin_blocked=True))
SELECT, CHUID, UNBLOCK, ROTATE = RESET.steps[:4]


def bare(ins: int, p1: int = 0, p2: int = 0, data: bytes = b"", cla: int = 0) -> Step:
    return Step("extra", Command(cla, ins, p1, p2, data))


def with_pin(ins: int, p1: int, p2: int, data: bytes, offset: int) -> Step:
    return Step("extra", Command(0, ins, p1, p2, data), Slot.PIN, offset)


@pytest.mark.parametrize("script", [READ, PROVE, RESET, RECOVER, CHANGE], ids=lambda script: script.kind.name)
def test_our_own_scripts_are_allowed(script: Script) -> None:
    check(script)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    "step",
    [
        bare(0x20, p2=0x80, data=b"12345678"),
        bare(0x20, p2=0x81),
        bare(0xDB, 0x3F, 0xFF, b"\x5c\x03\x5f\xc1\x02\x53\x00"),
        bare(0x47, p2=0x9E, data=b"\xac\x03\x80\x01\x11"),
        *(bare(ins) for ins in (0xE0, 0xE6, 0xFA, 0xFB, 0xFE, 0xFF, 0xD6, 0x00, 0x22, 0xC0)),
        bare(0xA4, 0x04, data=bytes.fromhex("A000000151000000")),
        bare(0xA4, 0x00, data=bytes.fromhex("A00000030800001000")),
        bare(0xCB, 0x3F, 0xFF, bytes.fromhex("5C035FC109")),  # printed information
        bare(0xCB, 0x3F, 0xFF, bytes.fromhex("5C035FC103")),  # fingerprints
        bare(0xF7, p2=0x9B),
        bare(0x24, p2=0x80, data=bytes(16)),
        bare(0x24, p2=0x81, data=bytes(15)),
        bare(0x2C, p2=0x80, data=bytes(16)),
        with_pin(0x2C, 0, 0x81, bytes(16), 8),
        with_pin(0x2C, 0, 0x80, bytes(16), 0),
        with_pin(0x2C, 0, 0x80, bytes(24), 8),
        with_pin(0x20, 0, 0x80, bytes(8), 0),
        with_pin(0x24, 0, 0x81, bytes(16), 8),
        with_pin(0xDB, 0x3F, 0xFF, bytes(16), 8),
        with_pin(0x87, 0x11, 0x9E, TO_SIGN, 6),
        with_pin(0xCB, 0x3F, 0xFF, bytes(8), 0),
        with_pin(0xF7, 0, 0x80, bytes(8), 0),
        Step("extra", Command(0, 0x87, 0x11, 0x9E, bytes.fromhex("7C2482008120") + bytes(32))),
        Step(
            "extra",
            Command(0, 0x87, 0x11, 0x9C, bytes.fromhex("7C2482008120") + bytes(32)),
            Slot.DIGEST_P256,
            6,
        ),
        Step("extra", Command(0, 0x87, 0x03, 0x9B, b"\x7c\x02\x81\x00")),
    ],
    ids=lambda step: f"{step.command.ins:02X}-{step.command.p1:02X}-{step.command.p2:02X}-{step.slot}",
)
def test_S35_a_command_off_the_list_is_refused_before_the_first_byte(step: Step, kind: Kind) -> None:
    card = one_card()
    sent = card.port.card.sent
    report = card.run(Script(kind, (SELECT, replace(CHUID, expect_sha256=card.chuid_hash), step)))

    assert report.end is End.REFUSED
    assert report.rule == "COMMAND_NOT_ALLOWED"
    assert card.port.card.sent == sent


def jump(target: str) -> StatusRule:
    return StatusRule(0x9000, action=Action.JUMP, target=target)


OVER_CHUID = replace(SELECT, rules=(jump("unblock"),))


@pytest.mark.parametrize(
    ("script", "rule"),
    [
        (replace(RESET, steps=()), "STEP_COUNT"),
        (Script(Kind.READ, tuple(replace(SELECT, name=f"s{n}") for n in range(65))), "STEP_COUNT"),
        (replace(RESET, steps=(*RESET.steps, SELECT)), "STEP_NAME"),
        (replace(READ, steps=(replace(SELECT, name="se\nlect"),)), "STEP_NAME"),
        (replace(READ, steps=(bare(0x20, cla=0x80),)), "CLA_NOT_ALLOWED"),
        (replace(READ, steps=(bare(0x20, cla=0x10),)), "CLA_NOT_ALLOWED"),
        (replace(READ, steps=(replace(SELECT, rules=(jump("select"),) * 9),)), "RULE_COUNT"),
        (replace(READ, kind=Kind.PROVE, steps=(UNBLOCK,)), "COMMAND_NOT_ALLOWED"),
        (replace(READ, steps=RESET.steps), "COMMAND_NOT_ALLOWED"),
        (replace(RECOVER, steps=RESET.steps), "COMMAND_NOT_ALLOWED"),
        (replace(RESET, steps=(SELECT, UNBLOCK)), "NO_EXPECT_BEFORE_SECRET"),
        (replace(RESET, steps=(SELECT, UNBLOCK, CHUID)), "NO_EXPECT_BEFORE_SECRET"),
        (replace(RESET, steps=(replace(SELECT, expect_sha256=HASH), UNBLOCK)), "NO_EXPECT_BEFORE_SECRET"),
        (
            replace(RESET, steps=(replace(SELECT, rules=(jump("unblock"),)), CHUID, UNBLOCK)),
            "EXPECT_CAN_BE_SKIPPED",
        ),
        (replace(RESET, steps=(replace(CHUID, rules=(StatusRule(0, 0),)), UNBLOCK)), "EXPECT_CAN_BE_SKIPPED"),
        (replace(RESET, steps=(CHUID, replace(UNBLOCK, keep=True))), "SECRET_STEP_KEPT"),
        (replace(RESET, steps=(CHUID, UNBLOCK, ROTATE, replace(UNBLOCK, name="x"))), "TOO_MANY_PUKS"),
        (replace(READ, steps=(SELECT, replace(CHUID, rules=(jump("select"),)))), "JUMP_NOT_FORWARD"),
        (replace(READ, steps=(replace(SELECT, rules=(jump("select"),)),)), "JUMP_NOT_FORWARD"),
        (replace(READ, steps=(replace(SELECT, rules=(jump("nowhere"),)),)), "JUMP_NOT_FORWARD"),
    ],
)
def test_S35_a_script_that_breaks_a_rule_is_refused(script: Script, rule: str) -> None:
    with pytest.raises(Refused) as refused:
        check(script)

    assert refused.value.rule == rule


def test_a_gateway_cannot_hide_a_value_of_its_own_under_the_pin() -> None:
    filled = replace(UNBLOCK, command=replace(UNBLOCK.command, data=CURRENT + b"860247\xff\xff"))

    with pytest.raises(Refused, match="SLOT_NOT_ALLOWED"):
        check(replace(RESET, steps=(SELECT, CHUID, filled)))


def test_a_check_against_an_object_that_all_cards_share_is_none() -> None:
    discovery = Step("chuid", Command(0, 0xCB, 0x3F, 0xFF, bytes.fromhex("5C017E"), le=0), expect_sha256=HASH)

    with pytest.raises(Refused, match="NO_EXPECT_BEFORE_SECRET"):
        check(replace(RESET, steps=(SELECT, discovery, UNBLOCK)))


def test_S35_a_gateway_that_repeats_wrong_puks_cannot_block_a_card_in_one_insertion() -> None:
    card = one_card("OpenFIPS201")  # ten tries of the PUK
    ends = [card.run(piv.reset_script(card.chuid_hash, STRANGE, NEXT)) for _ in range(10)]

    assert card.eeprom.wrong_puk_tries == 2
    assert ends[-1].rule == "PUK_TRIES_SPENT"


def test_I4_after_63C1_no_further_puk_is_sent() -> None:
    card = one_card(puk_tries=2)
    card.run(piv.reset_script(card.chuid_hash, STRANGE, NEXT))
    card.run(piv.reset_script(card.chuid_hash, CURRENT, NEXT))

    assert card.eeprom.puk_left == 1
    assert [ins for ins, _, _ in card.eeprom.log] == [0x2C]


def test_a_puk_whose_answer_was_lost_counts_as_a_wrong_one() -> None:
    insertion = Insertion()
    insertion.sends_puk()
    insertion.sends_puk()

    assert not insertion.allows_puk()


def test_right_puks_spend_nothing() -> None:
    insertion = Insertion()
    for _ in range(5):
        insertion.sends_puk()
        insertion.heard(UNBLOCK, 0x9000)

    assert insertion.allows_puk()


@pytest.mark.parametrize("fill", [Fill(), Fill(pin=NEW_PIN), Fill(digest=DIGEST[:-1])])
def test_a_script_whose_digest_nobody_brought_sends_nothing(fill: Fill) -> None:
    card = one_card()
    sent = card.port.card.sent

    assert run(READ, card.port, fill, Insertion()).rule == "NO_DIGEST"
    assert card.port.card.sent == sent


@pytest.mark.parametrize(
    ("pin", "rule"), [("123456", "PIN_SEQUENCE"), ("7391", "PIN_LENGTH"), ("", "PIN_LENGTH")]
)
def test_S51_a_weak_pin_is_refused_by_the_agent_too_before_a_byte_is_sent(pin: str, rule: str) -> None:
    card = one_card()
    report = card.run(piv.reset_script(card.chuid_hash, CURRENT, NEXT), pin)

    assert (report.end, report.rule) == (End.PIN_REFUSED, rule)
    assert not report.answers


@pytest.mark.parametrize("script", [RESET, RECOVER, CHANGE], ids=lambda script: script.kind.name)
def test_S35_a_secret_goes_only_to_the_application_whose_identifier_was_shown(script: Script) -> None:
    steps = list(script.steps)
    at = next(index for index, step in enumerate(steps) if step.expect_sha256 is not None)
    other = replace(steps[at], command=gids_commands.CARD_ID)

    with pytest.raises(Refused, match="NO_EXPECT_BEFORE_SECRET"):
        check(replace(script, steps=(*steps[:at], other, *steps[at + 1 :])))


@pytest.mark.parametrize("script", [RESET, RECOVER, CHANGE], ids=lambda script: script.kind.name)
def test_S35_nothing_is_selected_once_the_identifier_was_shown(script: Script) -> None:
    steps = list(script.steps)
    at = next(index for index, step in enumerate(steps) if step.expect_sha256 is not None)
    again = replace(SELECT, name="again")

    with pytest.raises(Refused, match="SELECT_AFTER_EXPECT"):
        check(replace(script, steps=(*steps[: at + 1], again, *steps[at + 1 :])))


PROVE_HOLDER = signing_in.prove_holder_script(HASH, Algorithm.P256, last_try=True)
FOUR = PROVE_HOLDER.steps[:4]  # select, CHUID, clear, tries
VERIFY, SIGN_9A = PROVE_HOLDER.steps[4:]


@pytest.mark.parametrize("algorithm", Algorithm)
def test_S35_our_own_proof_of_the_holder_is_allowed(algorithm: Algorithm) -> None:
    check(signing_in.prove_holder_script(HASH, algorithm, last_try=False))


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.PROVE_HOLDER])
@pytest.mark.parametrize("step", [VERIFY, SIGN_9A], ids=lambda step: step.name)
def test_S35_the_pin_and_the_holders_key_are_used_by_no_other_kind_of_script(step: Step, kind: Kind) -> None:
    with pytest.raises(Refused, match="COMMAND_NOT_ALLOWED"):
        check(Script(kind, (*FOUR[:2], step)))


@pytest.mark.parametrize(
    ("steps", "rule"),
    [
        ((*FOUR, SIGN_9A), "SIGNATURE_WITHOUT_PIN"),
        ((*FOUR, SIGN_9A, VERIFY), "SIGNATURE_WITHOUT_PIN"),
        ((*FOUR, replace(VERIFY, rules=(StatusRule(0, 0),)), SIGN_9A), "SIGNATURE_WITHOUT_PIN"),
        ((*FOUR[:3], replace(FOUR[3], rules=(jump("sign-9a"),)), VERIFY, SIGN_9A), "SIGNATURE_WITHOUT_PIN"),
        ((*FOUR, VERIFY, replace(VERIFY, name="again"), SIGN_9A), "TOO_MANY_PINS"),
        ((*FOUR, VERIFY, SIGN_9A, replace(SIGN_9A, name="again")), "TOO_MANY_SIGNATURES"),
        ((*FOUR, replace(VERIFY, keep=True), SIGN_9A), "SECRET_STEP_KEPT"),
        ((FOUR[0], VERIFY, SIGN_9A), "NO_EXPECT_BEFORE_SECRET"),
        ((*FOUR, replace(VERIFY, slot=Slot.PIN), SIGN_9A), "COMMAND_NOT_ALLOWED"),
        ((*FOUR, replace(VERIFY, slot=None), SIGN_9A), "COMMAND_NOT_ALLOWED"),
        ((*FOUR, VERIFY, replace(SIGN_9A, slot=None, slot_offset=0)), "COMMAND_NOT_ALLOWED"),
        ((*FOUR, VERIFY, PROVE.steps[-1]), "COMMAND_NOT_ALLOWED"),  # 9E has no business here
        ((*FOUR, VERIFY, UNBLOCK), "COMMAND_NOT_ALLOWED"),
        ((*FOUR, VERIFY, ROTATE), "COMMAND_NOT_ALLOWED"),
        ((*FOUR, VERIFY, CHANGE.steps[-1]), "COMMAND_NOT_ALLOWED"),
    ],
)
def test_S35_a_bad_gateway_gets_neither_a_second_try_nor_a_signature_without_the_pin(
    steps: tuple[Step, ...], rule: str
) -> None:
    with pytest.raises(Refused, match=rule):
        check(Script(Kind.PROVE_HOLDER, steps))


def test_R31_a_sign_in_never_spends_the_last_try_unasked_and_stops_after_three() -> None:
    card = one_card(blocked=False, pin_tries=8)
    script = signing_in.prove_holder_script(card.chuid_hash, Algorithm.P256, last_try=False)
    wrong = Fill(digest=DIGEST, current_pin="0000")
    insertion = Insertion()
    for _ in range(3):
        assert run(script, card.port, wrong, insertion).sw("verify") is not None
    report = run(script, card.port, wrong, insertion)

    assert (report.sw("verify"), report.rule) == (None, "PIN_TRIES_SPENT")
    assert card.eeprom.pin_left == 5
    card.eeprom.pin_left = 1
    assert run(script, card.port, wrong, Insertion()).sw("verify") is None
    assert card.eeprom.pin_left == 1
