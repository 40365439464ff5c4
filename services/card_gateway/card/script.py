"""What the gateway asks of a card and what the agent tells of it: scripts and reports, as data.

The same shapes as `smartcard_unlock.card_gateway.v1.Script` and `ReportStepRequest`. A script only
goes forward, so it always ends. How it is checked is in `guard`, how it is run in `runner`.
"""

from dataclasses import dataclass, field
from enum import Enum

from services.card_gateway.card.apdu import (
    CHANGE_REFERENCE_DATA,
    GENERAL_AUTHENTICATE,
    RESET_RETRY_COUNTER,
    VERIFY,
    Command,
)
from services.card_gateway.card.status_words import OK

MAX_STEPS = 64


class Kind(Enum):
    """What a script is for; the guard has an allow-list for each."""

    READ = "READ"
    PROVE = "PROVE"
    RESET = "RESET"
    RECOVER = "RECOVER"
    CHANGE = "CHANGE"
    """Replace the PIN by the PIN that the holder knows; no PUK is in it."""
    PROVE_HOLDER = "PROVE_HOLDER"
    """Verify the PIN that the holder knows, once, and sign with the holder's own key."""


class Slot(Enum):
    """What the agent puts into a command, so that the gateway never sees or chooses it."""

    PIN = "PIN"
    """The new PIN, padded with FF to 8 bytes."""
    DIGEST_P256 = "DIGEST_P256"
    """The 32-byte digest the agent built."""
    DIGEST_RSA2048 = "DIGEST_RSA2048"
    """The 256-byte PKCS #1 v1.5 block of that digest."""
    PIN_CHANGE = "PIN_CHANGE"
    """The current PIN and the new one, each padded with FF to 8 bytes."""
    PIN_RAW = "PIN_RAW"
    """The new PIN as it is typed: the command is as much longer."""
    CHALLENGE = "CHALLENGE"
    """The first 16 bytes of that digest, which the card must answer together with its own challenge."""
    CURRENT_PIN = "CURRENT_PIN"
    """The current PIN, padded with FF to 8 bytes."""


SLOT_LENGTH = {
    Slot.PIN: 8,
    Slot.DIGEST_P256: 32,
    Slot.DIGEST_RSA2048: 256,
    Slot.PIN_CHANGE: 16,
    Slot.PIN_RAW: 0,
    Slot.CHALLENGE: 16,
    Slot.CURRENT_PIN: 8,
}
"""Bytes a slot takes in the command's data; the gateway sends zeros there."""


class Action(Enum):
    """What follows a status word."""

    NEXT = "NEXT"
    JUMP = "JUMP"
    STOP = "STOP"


@dataclass(frozen=True)
class StatusRule:
    """If `sw & mask == status & mask`, then `action`."""

    status: int
    mask: int = 0xFFFF
    action: Action = Action.NEXT
    target: str = ""
    """JUMP only: the name of a later step."""

    def matches(self, sw: int) -> bool:
        """True when this rule speaks of this status word."""
        return sw & self.mask == self.status & self.mask


@dataclass(frozen=True)
class Step:
    """One command and how to judge its answer. Secrets are only ever in `command.data`."""

    name: str
    command: Command
    slot: Slot | None = None
    slot_offset: int = 0
    rules: tuple[StatusRule, ...] = ()
    """The first match counts; with no match 9000 goes on and anything else stops."""
    keep: bool = False
    """The answer's data goes back to the gateway."""
    expect_sha256: bytes | None = None
    """SHA-256 the answer's data must have; anything else ends the script with CARD_CHANGED."""

    def rule_for(self, sw: int) -> StatusRule:
        """The rule that decides what follows this status word."""
        for rule in self.rules:
            if rule.matches(sw):
                return rule
        return StatusRule(sw, action=Action.NEXT if sw == OK else Action.STOP)

    @property
    def carries_puk(self) -> bool:
        """True where a secret of the issuer is sent, and so a try of it may be spent.

        That is a PUK, or what was computed with an admin key.
        """
        puk = self.command.ins in (RESET_RETRY_COUNTER, CHANGE_REFERENCE_DATA)
        with_pin_alone = self.carries_current_pin or self.slot is Slot.PIN_RAW
        return self.answers_challenge or (puk and not with_pin_alone)

    @property
    def answers_challenge(self) -> bool:
        """True where a card's challenge is answered with what an admin key made of it."""
        command = self.command
        admin = command.ins == GENERAL_AUTHENTICATE and (command.p1, command.p2) == (0x00, 0x00)
        return admin and self.slot is None

    @property
    def carries_current_pin(self) -> bool:
        """True where the holder's current PIN is sent, and so a try of the PIN may be spent."""
        return self.slot in (Slot.PIN_CHANGE, Slot.CURRENT_PIN)

    @property
    def asks_for_tries(self) -> bool:
        """True for a VERIFY without data: its answer is how many tries the PIN has."""
        command = self.command
        return command.ins == VERIFY and command.p1 == 0x00 and not command.data and self.slot is None


@dataclass(frozen=True)
class Script:
    """Ordered steps, run in one PC/SC transaction."""

    kind: Kind
    steps: tuple[Step, ...]

    @property
    def leave_open(self) -> bool:
        """True where the transaction stays open for what follows; any other ends with a card reset."""
        return self.kind is Kind.PROVE

    @property
    def awaits_answer(self) -> bool:
        """True where the card has asked a challenge that dies with any other program's command."""
        return self.leave_open and any(step.slot is Slot.CHALLENGE for step in self.steps)


class End(Enum):
    """How a script ended; the names of the contract's ScriptEnd."""

    COMPLETED = "COMPLETED"
    STOPPED = "STOPPED"
    CARD_GONE = "CARD_GONE"
    CARD_CHANGED = "CARD_CHANGED"
    REFUSED = "REFUSED"
    TIMED_OUT = "TIMED_OUT"
    DECLINED = "DECLINED"
    READER_BUSY = "READER_BUSY"
    INTERRUPTED = "INTERRUPTED"
    NOT_RUN = "NOT_RUN"
    PIN_REFUSED = "PIN_REFUSED"


@dataclass(frozen=True)
class Answer:
    """The answer to one step."""

    name: str
    sw: int
    data: bytes = field(default=b"", repr=False)
    """Only of steps with `keep`."""


@dataclass(frozen=True)
class Report:
    """What a script did. Holds no byte that was sent to the card."""

    answers: tuple[Answer, ...]
    end: End
    in_flight: str = ""
    """Name of the step that was sent and had no whole answer; empty for none."""
    rule: str = ""
    """Which of the agent's own rules ended it, such as `INS_NOT_ALLOWED`."""

    def answer(self, name: str) -> Answer | None:
        """The answer to the step of this name; None if it has none."""
        return next((answer for answer in self.answers if answer.name == name), None)

    def sw(self, name: str) -> int | None:
        """The status word of the step of this name; None if it has none."""
        answer = self.answer(name)
        return None if answer is None else answer.sw


PIN_SLOTS = (Slot.PIN, Slot.PIN_CHANGE, Slot.PIN_RAW, Slot.CURRENT_PIN)


def secret_sent(script: Script, report: Report) -> bool:
    """True if a PIN or a PUK may have reached the card: then the script must not be run again."""
    sent = {answer.name for answer in report.answers} | {report.in_flight}
    return any(step.name in sent for step in script.steps if step.carries_puk or step.slot in PIN_SLOTS)
