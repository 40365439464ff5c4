"""The slots of the virtual reader: insert, pull, break. Speaks to the card process's control socket."""

import json
import socket
from pathlib import Path
from typing import Any

ANSWER_LIMIT = 60.0
"""Seconds for one answer: longer than an insert waits for its reader."""


class SlotRefused(RuntimeError):
    """The card process said no; the text is its code."""


class Slots:
    """Both slots of one virtual reader. Each call is one short connection, so any thread may call."""

    def __init__(self, control: Path) -> None:
        """`control`: the unix socket of `deploy.local.vpicc`."""
        self._control = control

    def insert(self, card: str, slot: int = 0) -> None:
        """Put the card into the slot; what was in it is pulled first."""
        self.ask("insert", card=card, slot=slot)

    def remove(self, slot: int = 0) -> None:
        """Pull what is in the slot; an empty slot stays empty."""
        self.ask("remove", slot=slot)

    def inserted(self) -> list[str | None]:
        """The card in each slot."""
        slots: list[str | None] = self.ask("state")["slots"]
        return slots

    def counters(self, card: str) -> dict[str, Any]:
        """What the card itself counted: tries, wrong PUKs, and the like; no secret."""
        return self.ask("counters", card=card)

    def fault(self, card: str, fault: str, at: int = 0, **wishes: Any) -> None:
        """Arm one fault, counted in APDUs from now."""
        self.ask("fault", card=card, fault=fault, at=at, **wishes)

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """One request of `deploy.local.vpicc`. Raises SlotRefused with its code."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_LIMIT)
            connection.connect(str(self._control))
            connection.sendall(json.dumps({"do": do, **arguments}).encode() + b"\n")
            answer: dict[str, Any] = json.loads(connection.makefile().readline())
        if not answer.pop("ok"):
            raise SlotRefused(answer["error"])
        return answer
