"""Breaks a virtual card on purpose, at one APDU counted from when the fault was armed."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from deploy.local.virtual_card.application import Application

Kind = Literal[
    "drop_before", "drop_after", "drop_inside", "hang", "empty", "empty_before",
    "status", "status_after", "endless_61", "endless_6c", "too_long",
]  # fmt: skip
KINDS = frozenset(get_args(Kind))
_ENDLESS = {"endless_61": bytes(16) + b"\x61\x10", "endless_6c": b"\x6c\x10"}


class Dropped(Exception):
    """The card left its reader; `sent` is how much of the answer still came."""

    def __init__(self, sent: bytes | None = None) -> None:
        super().__init__("the card was pulled")
        self.sent = sent


@dataclass(frozen=True)
class Fault:
    """What goes wrong.

    drop_before: pulled before the card saw the APDU; drop_after: it acted, nothing came back;
    drop_inside: after `value` bytes of the answer. hang: acts, answers after `value` seconds.
    empty, empty_before: acts or not, answers nothing. status, status_after: says `value`, without or
    after acting. endless_61, endless_6c: from here on always more data, or always another length.
    too_long: `value` bytes in one frame.
    """

    kind: Kind
    at: int = 0
    """Which APDU, counted from 0 when the fault is armed."""
    value: float = 0


@dataclass
class FaultyCard:
    """A card whose APDUs are counted and may go wrong. With no fault armed it is the card."""

    card: Application
    armed: list[tuple[int, Fault]] = field(default_factory=list)
    sent: int = 0
    """APDUs so far, lost ones included."""
    delay: float = 0
    """Seconds by which the caller must hold back the answer just given."""

    def arm(self, fault: Fault) -> None:
        """Let something go wrong later."""
        self.armed.append((self.sent + fault.at, fault))

    def disarm(self) -> None:
        """Forget what has not gone wrong yet."""
        self.armed.clear()

    def transmit(self, apdu: bytes) -> bytes:
        """The answer, as the fault wants it; empty for none. Raises Dropped."""
        due = [fault for at, fault in self.armed if at <= self.sent]
        self.armed = [(at, fault) for at, fault in self.armed if at > self.sent or fault.kind in _ENDLESS]
        self.sent += 1
        self.delay = 0
        for fault in due:
            return self._broken(fault, apdu)
        return self.card.transmit(apdu)

    def _broken(self, fault: Fault, apdu: bytes) -> bytes:
        if fault.kind == "drop_before":
            raise Dropped
        if fault.kind in ("empty_before", "status"):
            return b"" if fault.kind == "empty_before" else int(fault.value).to_bytes(2, "big")
        answer = self.card.transmit(apdu)
        if fault.kind in ("drop_after", "drop_inside"):
            raise Dropped(answer[: int(fault.value)] if fault.kind == "drop_inside" else None)
        self.delay = fault.value if fault.kind == "hang" else 0
        return _answer(fault, answer)


def _answer(fault: Fault, answer: bytes) -> bytes:
    if fault.kind == "status_after":
        return int(fault.value).to_bytes(2, "big")
    if fault.kind == "too_long":
        return bytes(int(fault.value)) + b"\x90\x00"
    return b"" if fault.kind == "empty" else _ENDLESS.get(fault.kind, answer)
