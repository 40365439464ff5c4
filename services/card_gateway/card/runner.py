"""Runs a script on a card and reports what came back. The agent's side; no transaction, no clock.

Whatever card or script do, the outcome is a Report. Nothing that was sent to the card is in it.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from services.card_gateway.card.apdu import (
    SELECT,
    AnswerTooLong,
    CardFault,
    CardPort,
    CardTimeout,
    CardWasReset,
    Command,
    exchange,
)
from services.card_gateway.card.guard import Insertion, Refused, check
from services.card_gateway.card.pin_policy import Weakness, change_weakness, current_weakness, weakness
from services.card_gateway.card.proof import card_challenge, pkcs1_block
from services.card_gateway.card.script import SLOT_LENGTH, Action, Answer, End, Report, Script, Slot, Step
from services.card_gateway.card.status_words import OK, tries


@dataclass(frozen=True)
class Fill:
    """What the agent puts into the slots; `repr` shows none of it."""

    pin: str | None = field(default=None, repr=False)
    """The new digits as opened from their seal."""
    current_pin: str | None = field(default=None, repr=False)
    """CHANGE and PROVE_HOLDER: the digits that the holder knows, as opened from their seal."""
    last_try: bool = False
    """Likewise: the person said yes to spending the card's last try."""
    digest: bytes | None = field(default=None, repr=False)
    """The 32 bytes of `proof.challenge_digest`."""


class _PinRefused(Exception):
    """The PIN breaks a rule of `pin_policy`."""


def run(
    script: Script,
    card: CardPort,
    fill: Fill,
    insertion: Insertion,
    *,
    on_send: Callable[[str], None] = lambda name: None,
    on_answer: Callable[[str, int], None] = lambda name, sw: None,
    out_of_time: Callable[[], bool] = lambda: False,
) -> Report:
    """Check the script, fill its slots, send its commands.

    `on_send` is called with a step's name before its first byte leaves, `on_answer` with name and
    status word once all of its answer is there, so that a killed agent can tell how far it came;
    what they raise goes through. `out_of_time` is asked before each step.
    """
    try:
        check(script)
        commands = {step.name: _filled(step, fill) for step in script.steps}
    except Refused as refused:
        return Report((), End.REFUSED, rule=refused.rule)
    except _PinRefused as refused:
        return Report((), End.PIN_REFUSED, rule=str(refused))
    return _Run(card, insertion, fill.last_try, on_send, on_answer, out_of_time).steps(script, commands)


class _Run:
    def __init__(
        self,
        card: CardPort,
        insertion: Insertion,
        last_try: bool,
        on_send: Callable[[str], None],
        on_answer: Callable[[str, int], None],
        out_of_time: Callable[[], bool],
    ) -> None:
        self._card, self._insertion, self._last_try = card, insertion, last_try
        self._pin_tries: int | None = None
        self._on_send, self._on_answer, self._out_of_time = on_send, on_answer, out_of_time
        self._answers: list[Answer] = []

    def steps(self, script: Script, commands: dict[str, Command]) -> Report:
        target = ""
        for step in script.steps:
            if target not in ("", step.name):
                continue
            target = ""
            if self._out_of_time():
                return self._report(End.TIMED_OUT)
            forbidden = self._forbidden(step)
            if forbidden:
                return self._report(End.STOPPED, rule=forbidden)
            try:
                sw, data = self._send(step, commands[step.name])
            except CardFault as fault:
                return self._lost(step, fault)
            if sw == OK and step.expect_sha256 not in (None, hashlib.sha256(data).digest()):
                return self._report(End.CARD_CHANGED)
            rule = step.rule_for(sw)
            if rule.action is Action.STOP:
                return self._report(End.STOPPED)
            target = rule.target if rule.action is Action.JUMP else ""
        return self._report(End.COMPLETED)

    def _forbidden(self, step: Step) -> str:
        """Which rule forbids this step now; empty where none does."""
        if step.carries_puk and not self._insertion.allows_puk():
            return "PUK_TRIES_SPENT"
        if step.carries_current_pin:
            return self._insertion.refuses_pin(self._pin_tries, last_try=self._last_try)
        return ""

    def _send(self, step: Step, command: Command) -> tuple[int, bytes]:
        self._on_send(step.name)
        if step.carries_puk:
            self._insertion.sends_puk()
        if step.carries_current_pin:
            self._insertion.sends_pin()
        if command.ins == SELECT:
            self._pin_tries = None  # the count of another application says nothing of this one
        response = exchange(self._card, command)
        if step.carries_puk:
            self._insertion.heard(step, response.sw)
        if step.carries_current_pin:
            self._insertion.heard_of_pin(response.sw)
        if step.asks_for_tries:
            self._pin_tries = tries(response.sw).left
        self._answers.append(Answer(step.name, response.sw, response.data if step.keep else b""))
        self._on_answer(step.name, response.sw)
        return response.sw, response.data

    def _lost(self, step: Step, fault: CardFault) -> Report:
        match fault:
            case CardTimeout():
                return self._report(End.TIMED_OUT, in_flight=step.name)
            case AnswerTooLong():
                return self._report(End.STOPPED, in_flight=step.name, rule="ANSWER_TOO_LONG")
            case CardWasReset():
                return self._report(End.CARD_GONE, in_flight=step.name, rule="RESET_BY_OTHER")
        return self._report(End.CARD_GONE, in_flight=step.name)

    def _report(self, end: End, *, in_flight: str = "", rule: str = "") -> Report:
        return Report(tuple(self._answers), end, in_flight, rule)


def _filled(step: Step, fill: Fill) -> Command:
    """The command with its slot filled. Raises Refused for what the caller did not bring."""
    if step.slot is None:
        return step.command
    value = _value(step.slot, fill)
    data = step.command.data
    end = step.slot_offset + SLOT_LENGTH[step.slot]
    return replace(step.command, data=data[: step.slot_offset] + value + data[end:])


def _value(slot: Slot, fill: Fill) -> bytes:
    if slot is Slot.PIN:
        return _padded(_pin(fill.pin))
    if slot is Slot.PIN_RAW:
        # Padded, on a card that wants it as it is typed, it would be one that nobody can type.
        return _pin(fill.pin).encode("ascii")
    if slot is Slot.PIN_CHANGE:
        current = _current_pin(fill.current_pin, lambda known: change_weakness(known, fill.pin or ""))
        return current + _padded(_pin(fill.pin))
    if slot is Slot.CURRENT_PIN:
        return _current_pin(fill.current_pin, current_weakness)
    return _digest(fill.digest, slot)


def _pin(pin: str | None) -> str:
    if pin is None:
        raise Refused("NO_PIN")
    weak = weakness(pin)
    if weak is not None:
        raise _PinRefused(f"PIN_{weak.value}")
    return pin


def _current_pin(current: str | None, judge: Callable[[str], Weakness | None]) -> bytes:
    if current is None:
        raise Refused("NO_CURRENT_PIN")
    weak = judge(current)
    if weak is not None:
        raise _PinRefused(f"PIN_{weak.value}")
    return _padded(current)


def _padded(pin: str) -> bytes:
    return pin.encode("ascii").ljust(SLOT_LENGTH[Slot.PIN], b"\xff")


def _digest(digest: bytes | None, slot: Slot) -> bytes:
    if digest is None or len(digest) != SLOT_LENGTH[Slot.DIGEST_P256]:
        raise Refused("NO_DIGEST")
    if slot is Slot.CHALLENGE:
        return card_challenge(digest)
    return digest if slot is Slot.DIGEST_P256 else pkcs1_block(digest)
