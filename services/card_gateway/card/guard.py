"""The agent's own rules against a bad gateway: which scripts it will run at all.

Deny by default: a command is allowed only if it has one of the shapes below, byte for byte but for
its secrets. A refused script has sent nothing. Why each rule: design `cards.md`, 2.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from services.card_gateway.card import apdu
from services.card_gateway.card.apdu import Command
from services.card_gateway.card.script import (
    MAX_STEPS,
    PIN_SLOTS,
    SLOT_LENGTH,
    Action,
    Kind,
    Script,
    Slot,
    Step,
)
from services.card_gateway.card.status_words import BLOCKED, NOT_SATISFIED, is_wrong_reference, tries

MAX_PUKS = 2
"""Commands with a PUK in one script, and wrong PUKs in one insertion: three can end a card for good."""
MAX_WRONG_PINS = 3
"""Wrong current PINs in one insertion: whoever mistypes three times takes the card out and thinks."""
LAST_TRY = 1
MAX_RULES = 8
MAX_NAME = 32

KNOWN_APPLICATIONS = frozenset(
    bytes.fromhex(aid) for aid in ("A00000030800001000", "A000000308000010000100", "A00000039742544659")
)
"""PIV, PIV with its version, GIDS."""
READABLE = frozenset(bytes.fromhex(tag) for tag in ("5C035FC102", "5C035FC105", "5C035FC101", "5C017E"))
"""CHUID, 9A and 9E certificates, discovery. Anything else may need the PIN or hold a person's data."""
CARD_ID = ((apdu.GET_DATA, 0xA0, 0x12), bytes.fromhex("5C02DF20"))
"""GIDS: the identifier that minidrivers show."""
PIN_STATUS = ((apdu.GET_DATA, 0x3F, 0xFF), bytes.fromhex("5C027F71"))
"""GIDS: tries of the PIN, told without a try."""
CHUID = ((apdu.GET_DATA, 0x3F, 0xFF), bytes.fromhex("5C035FC102"))
"""PIV: the object that differs from card to card and can be read by anyone."""
ADMIN_KEY = ((apdu.MANAGE_SECURITY_ENVIRONMENT, 0xC1, 0xA4), bytes.fromhex("830180"))
"""GIDS: chooses the one key that may be used."""
ASK_CHALLENGE = bytes.fromhex("7C128110")
ANSWER_CHALLENGE = bytes.fromhex("7C2A8228")
ANSWER_LENGTH = 40
SIGNING = {
    0x11: (Slot.DIGEST_P256, bytes.fromhex("7C2482008120"), 32),
    0x07: (Slot.DIGEST_RSA2048, bytes.fromhex("7C820106820081820100"), 256),
}
"""By algorithm id: slot, template before the slot, length of the slot."""
HOLDER_KEY = 0x9A
"""Signs only with the PIN; its signature is the holder's act, so our own rules for it are narrower."""


class Refused(Exception):
    """A script breaks a rule of the agent; `rule` names it. Carries no bytes of the script."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule)
        self.rule = rule


def check(script: Script) -> None:
    """Raise Refused unless every rule holds."""
    _check_form(script)
    for step in script.steps:
        shapes = (shape for shape, has_shape in _SHAPES.items() if has_shape(step))
        if not any(shape in _ALLOWED[script.kind] for shape in shapes):
            raise Refused("COMMAND_NOT_ALLOWED")
    _check_jumps(script)
    _check_secrets(script)


def _check_form(script: Script) -> None:
    names = [step.name for step in script.steps]
    if not 1 <= len(names) <= MAX_STEPS:
        raise Refused("STEP_COUNT")
    if len(set(names)) != len(names) or not all(_is_name(name) for name in names):
        raise Refused("STEP_NAME")
    for step in script.steps:
        if step.command.cla != 0x00:  # the agent itself sets 10 where it chains
            raise Refused("CLA_NOT_ALLOWED")
        if step.command.le not in (None, 0):
            raise Refused("LE_NOT_ALLOWED")
        if len(step.rules) > MAX_RULES:
            raise Refused("RULE_COUNT")
        if not _slot_is_empty(step):
            raise Refused("SLOT_NOT_ALLOWED")


def _is_name(name: str) -> bool:
    return 0 < len(name) <= MAX_NAME and name.isascii() and name.replace("-", "").isalnum()


def _slot_is_empty(step: Step) -> bool:
    length = 0 if step.slot is None else SLOT_LENGTH[step.slot]
    return step.slot_offset >= 0 and step.command.data[step.slot_offset :][:length] == bytes(length)


def _is_select(step: Step) -> bool:
    command = step.command
    header = _header(command) == (apdu.SELECT, 0x04, 0x00)
    return header and command.data in KNOWN_APPLICATIONS and not step.slot


def _is_get_data(step: Step) -> bool:
    command = step.command
    header = _header(command) == (apdu.GET_DATA, 0x3F, 0xFF)
    return header and command.data in READABLE and not step.slot


def _is_verify_without_data(step: Step) -> bool:
    command = step.command
    return command.ins == apdu.VERIFY and command.p1 in (0x00, 0xFF) and command.p2 == 0x80 and _is_bare(step)


def _is_get_metadata(step: Step) -> bool:
    headers = [(apdu.GET_METADATA, 0x00, reference) for reference in (0x80, 0x81, 0x9E)]
    return _header(step.command) in headers and _is_bare(step)


def _is_signature_by(key: int) -> Callable[[Step], bool]:
    return lambda step: step.command.p2 == key and _is_signature(step)


def _is_signature(step: Step) -> bool:
    command = step.command
    if command.ins != apdu.GENERAL_AUTHENTICATE or command.p1 not in SIGNING:
        return False
    slot, template, length = SIGNING[command.p1]
    in_place = step.slot is slot and step.slot_offset == len(template)
    return in_place and command.data == template + bytes(length)


def _is_reset_retry_counter(step: Step) -> bool:
    header = _header(step.command) == (apdu.RESET_RETRY_COUNTER, 0x00, 0x80)
    return header and len(step.command.data) == 16 and step.slot is Slot.PIN and step.slot_offset == 8


def _is_change_puk(step: Step) -> bool:
    header = _header(step.command) == (apdu.CHANGE_REFERENCE_DATA, 0x00, 0x81)
    return header and len(step.command.data) == 16 and not step.slot


def _is_change_pin(step: Step) -> bool:
    header = _header(step.command) == (apdu.CHANGE_REFERENCE_DATA, 0x00, 0x80)
    return header and len(step.command.data) == 16 and step.slot is Slot.PIN_CHANGE and step.slot_offset == 0


def _is_verify_pin(step: Step) -> bool:
    header = _header(step.command) == (apdu.VERIFY, 0x00, 0x80)
    return header and len(step.command.data) == 8 and step.slot is Slot.CURRENT_PIN and step.slot_offset == 0


def _is_fixed(command: tuple[tuple[int, int, int], bytes]) -> Callable[[Step], bool]:
    return lambda step: (_header(step.command), step.command.data) == command and not step.slot


def _is_challenge(step: Step) -> bool:
    header = _header(step.command) == (apdu.GENERAL_AUTHENTICATE, 0x00, 0x00)
    in_place = step.slot is Slot.CHALLENGE and step.slot_offset == len(ASK_CHALLENGE)
    return header and in_place and step.command.data == ASK_CHALLENGE + bytes(SLOT_LENGTH[Slot.CHALLENGE])


def _is_answer_to_challenge(step: Step) -> bool:
    data = step.command.data
    whole = len(data) == len(ANSWER_CHALLENGE) + ANSWER_LENGTH
    return step.answers_challenge and data.startswith(ANSWER_CHALLENGE) and whole


def _is_set_pin_as_admin(step: Step) -> bool:
    header = _header(step.command) == (apdu.RESET_RETRY_COUNTER, 0x02, 0x80)
    return header and step.command.data == b"" and step.slot is Slot.PIN_RAW and step.slot_offset == 0


def _header(command: Command) -> tuple[int, int, int]:
    return command.ins, command.p1, command.p2


def _is_bare(step: Step) -> bool:
    return not step.command.data and not step.slot


_SHAPES: dict[str, Callable[[Step], bool]] = {
    "SELECT": _is_select,
    "GET_DATA": _is_get_data,
    "TRIES": _is_verify_without_data,
    "METADATA": _is_get_metadata,
    "SIGN_9E": _is_signature_by(0x9E),
    "SIGN_9A": _is_signature_by(HOLDER_KEY),
    "VERIFY_PIN": _is_verify_pin,
    "RESET_RETRY_COUNTER": _is_reset_retry_counter,
    "CHANGE_PUK": _is_change_puk,
    "CHANGE_PIN": _is_change_pin,
    "CARD_ID": _is_fixed(CARD_ID),
    "PIN_STATUS": _is_fixed(PIN_STATUS),
    "ADMIN_KEY": _is_fixed(ADMIN_KEY),
    "CHALLENGE": _is_challenge,
    "ANSWER_CHALLENGE": _is_answer_to_challenge,
    "SET_PIN_AS_ADMIN": _is_set_pin_as_admin,
}
_READ = frozenset({"SELECT", "GET_DATA", "TRIES", "METADATA", "SIGN_9E", "CARD_ID", "PIN_STATUS"})
_ALLOWED: dict[Kind, frozenset[str]] = {
    Kind.READ: _READ,
    Kind.PROVE: _READ | {"ADMIN_KEY", "CHALLENGE"},
    Kind.RESET: _READ | {"RESET_RETRY_COUNTER", "CHANGE_PUK", "ANSWER_CHALLENGE", "SET_PIN_AS_ADMIN"},
    Kind.RECOVER: _READ | {"RESET_RETRY_COUNTER"},
    Kind.CHANGE: _READ | {"CHANGE_PIN"},
    Kind.PROVE_HOLDER: _READ - {"SIGN_9E"} | {"VERIFY_PIN", "SIGN_9A"},
}


def _check_jumps(script: Script) -> None:
    position = {step.name: index for index, step in enumerate(script.steps)}
    for step, target in _jumps(script):
        if position.get(target, -1) <= position[step.name]:
            raise Refused("JUMP_NOT_FORWARD")


def _jumps(script: Script) -> Iterator[tuple[Step, str]]:
    for step in script.steps:
        yield from ((step, rule.target) for rule in step.rules if rule.action is Action.JUMP)


def _check_secrets(script: Script) -> None:
    """Every way to a secret leads over the check of the card's identity."""
    puks = [index for index, step in enumerate(script.steps) if step.carries_puk]
    pins = [index for index, step in enumerate(script.steps) if step.slot in PIN_SLOTS]
    once = [step for step in script.steps if step.carries_current_pin or step.slot is Slot.PIN_RAW]
    if len(puks) > MAX_PUKS:
        raise Refused("TOO_MANY_PUKS")
    if len(once) > 1:
        raise Refused("TOO_MANY_PINS")
    if sum(step.answers_challenge for step in script.steps) > 1:
        raise Refused("TOO_MANY_ANSWERS")
    secret = sorted({*puks, *pins})
    # The card's own answer to an admin's is its proof: nothing of what was sent is in it.
    if any(script.steps[index].keep and not script.steps[index].answers_challenge for index in secret):
        raise Refused("SECRET_STEP_KEPT")
    if secret:
        _check_expected(script, secret)
    _check_holders_signature(script)


def _check_expected(script: Script, secret: list[int]) -> None:
    """Nothing leads to the steps at `secret` but the identifier of a card that takes them."""
    expecting = next((i for i, step in enumerate(script.steps) if step.expect_sha256 is not None), secret[0])
    wanted = {_identifier_for(script.steps[index]) for index in secret}
    if expecting >= secret[0] or wanted != {_object_of(script.steps[expecting])}:
        raise Refused("NO_EXPECT_BEFORE_SECRET")
    if any(_is_select(step) for step in script.steps[expecting:]):
        raise Refused("SELECT_AFTER_EXPECT")
    for step in script.steps[: expecting + 1]:
        if any(rule.action is Action.JUMP for rule in step.rules):
            raise Refused("EXPECT_CAN_BE_SKIPPED")
    if script.steps[expecting].rules:
        raise Refused("EXPECT_CAN_BE_SKIPPED")


def _check_holders_signature(script: Script) -> None:
    """The holder's key signs once at most, and only after this very script had the PIN verified.

    Else a card whose PIN another program has verified would sign for whoever asks.
    """
    signing = [index for index, step in enumerate(script.steps) if _is_signature_by(HOLDER_KEY)(step)]
    if not signing:
        return
    if len(signing) > 1:
        raise Refused("TOO_MANY_SIGNATURES")
    verifying = next((i for i, step in enumerate(script.steps) if _is_verify_pin(step)), len(script.steps))
    skipped = any(rule.action is Action.JUMP for step in script.steps[:verifying] for rule in step.rules)
    if verifying > signing[0] or skipped or script.steps[verifying].rules:
        raise Refused("SIGNATURE_WITHOUT_PIN")


def _identifier_for(step: Step) -> tuple[tuple[int, int, int], bytes]:
    """What the card must show before this secret: a PIN has the form of one application's cards only."""
    return CARD_ID if step.slot is Slot.PIN_RAW or step.answers_challenge else CHUID


def _object_of(step: Step) -> tuple[tuple[int, int, int], bytes]:
    return _header(step.command), step.command.data


@dataclass
class Insertion:
    """What one card, while it stays in its reader, has already lost to us.

    The agent keeps one from insertion to removal, so that no sequence of scripts can block a card.
    """

    wrong_puks: int = 0
    near_the_end: bool = False
    wrong_pins: int = 0

    def allows_puk(self) -> bool:
        """False once a further wrong PUK might be the card's last."""
        return self.wrong_puks < MAX_PUKS and not self.near_the_end

    def sends_puk(self) -> None:
        """Count the loss before the send: the answer may never come."""
        self.wrong_puks += 1

    def heard(self, step: Step, sw: int) -> None:
        """Judge the answer to a command that carried a secret of the issuer."""
        left = tries(sw).left
        if sw == BLOCKED or (is_wrong_reference(sw) and left is not None and left <= 1):
            self.near_the_end = True
        wrong = sw == NOT_SATISFIED if step.answers_challenge else is_wrong_reference(sw)
        if not wrong:
            self.wrong_puks -= 1

    def refuses_pin(self, tries_left: int | None, *, last_try: bool) -> str:
        """Which rule forbids to send the holder's current PIN now; empty where none does.

        `tries_left` is what the card said in the same script; None where it said nothing. The last
        try is spent only where the person was asked for it (`last_try`).
        """
        if self.wrong_pins >= MAX_WRONG_PINS:
            return "PIN_TRIES_SPENT"
        if tries_left is None:
            return "TRIES_NOT_TOLD"
        if tries_left < LAST_TRY or (tries_left == LAST_TRY and not last_try):
            return "LAST_TRY"
        return ""

    def sends_pin(self) -> None:
        """Count the loss before the send: the answer may never come."""
        self.wrong_pins += 1

    def heard_of_pin(self, sw: int) -> None:
        """Judge the answer to a command that carried the current PIN."""
        if not is_wrong_reference(sw) and sw != BLOCKED:
            self.wrong_pins -= 1
