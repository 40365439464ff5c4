"""Puts virtual cards into the virtual readers of `vpcd`, and so behind the real PC/SC service.

    python -m deploy.local.vpicc --port P [--host 127.0.0.1] [--slots 2] --cards DIR --control SOCKET

Slot n is vpcd's port P+n: a card is in that reader while there is a connection to it. Cards are files
`DIR/NAME.card`, made by `virtual_card.personalise`; what a card remembers is saved there at each change.

Control: a unix stream socket, any number of clients, one JSON object a line each way.

    {"do": "insert", "card": NAME, "slot": 0}   takes out what is there; answered once it is seen
    {"do": "remove", "slot": 0}                 nothing there is no error
    {"do": "swap", "card": NAME, "slot": 0}     another card in its place, unseen by the reader
    {"do": "state"}      → {"ok": true, "slots": [NAME or null, ...]}
    {"do": "list"}       → {"ok": true, "cards": [NAME, ...]}
    {"do": "counters", "card": NAME} → pin_left, puk_left, admin_left, wrong_pin_tries, wrong_puk_tries,
                           wrong_admin_tries, apdus,
                           log: [[INS, P2, SW], ...] of every command that carried a secret
    {"do": "fault", "card": NAME, "fault": KIND, "at": N, "value": X}
                           kinds and meaning: `virtual_card.faults.Fault`; `at` counts APDUs from now.
                           A dropped card is out of its slot until it is inserted again; after an
                           empty answer it comes back by itself, as a new insertion.
    {"do": "disarm", "card": NAME}              forgets faults that have not happened
    {"do": "quit"}

Answers: {"ok": true, ...} or {"ok": false, "error": CODE}: NO_SUCH_CARD, NO_SUCH_SLOT, CARD_IN_OTHER_SLOT,
READER_AWAY (vpcd does not listen), NO_CARD (to swap), BAD_REQUEST. No PIN, PUK or key is ever in one.

A reader that goes away (pcscd restarted) gets its card back as soon as it listens again.
"""

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from deploy.local.virtual_card import Application, Eeprom, Fault, FaultyCard, card_of
from deploy.local.virtual_card.faults import KINDS
from deploy.local.vpicc_slot import RefusedError, Slot

COUNTERS = (
    "pin_left",
    "puk_left",
    "admin_left",
    "wrong_pin_tries",
    "wrong_puk_tries",
    "wrong_admin_tries",
    "log",
)


class Desk:
    """All slots and cards, as the control socket orders them."""

    def __init__(self, directory: Path, slots: list[Slot]) -> None:
        self._directory, self._slots = directory, slots
        self._cards: dict[str, FaultyCard] = {}
        self.quit = asyncio.Event()
        self._does: dict[str, Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]] = {
            "insert": self._insert,
            "remove": self._remove,
            "swap": self._swap,
            "state": self._state,
            "list": self._list,
            "counters": self._counters,
            "fault": self._fault,
            "disarm": self._disarm,
            "quit": self._quit,
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client of the control socket."""
        with contextlib.suppress(ConnectionError):
            async for line in reader:
                answer = await self.obey(line)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def obey(self, line: bytes) -> dict[str, Any]:
        """Do what one line asks for."""
        try:
            request = json.loads(line)
            return {"ok": True} | await self._does[request["do"]](request)
        except RefusedError as refused:
            return {"ok": False, "error": str(refused)}
        except (ValueError, KeyError, TypeError):
            return {"ok": False, "error": "BAD_REQUEST"}

    async def close(self) -> None:
        """Take all cards out."""
        for slot in self._slots:
            await slot.remove()

    async def _insert(self, request: dict[str, Any]) -> dict[str, Any]:
        slot, name, card = self._anew(request)
        await slot.insert(name, card)
        return {}

    async def _swap(self, request: dict[str, Any]) -> dict[str, Any]:
        slot, name, card = self._anew(request)
        slot.swap(name, card)
        return {}

    def _anew(self, request: dict[str, Any]) -> tuple[Slot, str, FaultyCard]:
        """Slot, name and card of a request to put one in, the card as its file says: that is the truth."""
        name, slot = str(request["card"]), self._slot(request)
        if any(other.name == name and other is not slot for other in self._slots):
            raise RefusedError("CARD_IN_OTHER_SLOT")
        card = self._card(name)
        card.card = self._load(name)
        return slot, name, card

    async def _remove(self, request: dict[str, Any]) -> dict[str, Any]:
        await self._slot(request).remove()
        return {}

    async def _state(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"slots": [slot.name for slot in self._slots]}

    async def _list(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"cards": sorted(path.stem for path in self._directory.glob("*.card"))}

    async def _counters(self, request: dict[str, Any]) -> dict[str, Any]:
        card = self._card(str(request["card"]))
        eeprom = card.card.eeprom
        return {name: getattr(eeprom, name) for name in COUNTERS} | {"apdus": card.sent}

    async def _fault(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["fault"] not in KINDS:
            raise RefusedError("BAD_REQUEST")
        fault = Fault(request["fault"], int(request.get("at", 0)), float(request.get("value", 0)))
        self._card(str(request["card"])).arm(fault)
        return {}

    async def _disarm(self, request: dict[str, Any]) -> dict[str, Any]:
        self._card(str(request["card"])).disarm()
        return {}

    async def _quit(self, _: dict[str, Any]) -> dict[str, Any]:
        self.quit.set()
        return {}

    def _slot(self, request: dict[str, Any]) -> Slot:
        number = int(request.get("slot", 0))
        if not 0 <= number < len(self._slots):
            raise RefusedError("NO_SUCH_SLOT")
        return self._slots[number]

    def _card(self, name: str) -> FaultyCard:
        if name not in self._cards:
            self._cards[name] = FaultyCard(self._load(name))
        return self._cards[name]

    def _load(self, name: str) -> Application:
        path = self._directory / f"{name}.card"
        if path.parent != self._directory or not path.exists():
            raise RefusedError("NO_SUCH_CARD")
        eeprom = Eeprom.load(path)
        return card_of(eeprom, lambda: eeprom.save(path))


async def _run(options: argparse.Namespace) -> None:
    slots = [Slot(options.host, options.port + number) for number in range(options.slots)]
    desk = Desk(options.cards, slots)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, desk.quit.set)
    options.control.unlink(missing_ok=True)
    server = await asyncio.start_unix_server(desk.serve, options.control)
    options.control.chmod(0o600)
    print(json.dumps({"event": "ready"}), file=sys.stderr, flush=True)
    await desk.quit.wait()
    server.close()
    await desk.close()
    options.control.unlink(missing_ok=True)


def main() -> None:
    """Read the command line and serve until told to quit."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.local.vpicc", description="Virtual cards for vpcd."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="vpcd's port of slot 0")
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--cards", type=Path, required=True, help="folder of card files")
    parser.add_argument("--control", type=Path, required=True, help="path of the control socket")
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
