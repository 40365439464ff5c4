"""A reader service, a gateway and a person that do what a test says, behind the agent's own ports."""

import asyncio
import queue
from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy.local.virtual_card import FaultyCard, VirtualCard, VirtualGids, make_card, make_gids_card
from services.agent.facts import Facts, Presence, Reader
from services.agent.pcsc_codes import NO_SERVICE, STATE_EMPTY, STATE_PRESENT
from services.agent.ports import (
    Doing,
    GatewayAway,
    Idle,
    Order,
    Over,
    Pairing,
    PcscError,
    Question,
    Session,
    Typed,
)
from services.agent.sealing import public_key_of
from services.card_gateway.card.script import Report

READER = "Test Reader 00"
ONE_CARD = Facts(service_up=True, readers=(Reader(READER, Presence.PRESENT),))
PIN, NEW_PIN, PUK = "927461", "583920", "13572468"
PRIVATE_KEY = bytes(range(32))
SESSION = Session("0198c0de-0000-7000-8000-00000000000a", "token", PRIVATE_KEY, public_key_of(PRIVATE_KEY))
OTHER_KEY = bytes(reversed(range(32)))
OFFERED = Session("0198c0de-0000-7000-8000-00000000000b", "other token", OTHER_KEY, public_key_of(OTHER_KEY))
PAIRING = Pairing("https://unlock.example.org/open/abc", "ABCD-EFGH", "2026-11-21T12:00:00+00:00")


@dataclass
class FakeCard:
    """One connection. `answers` go out in order, then those of the card behind it."""

    card: FaultyCard | None = None
    answers: list[bytes | PcscError] = field(default_factory=list)
    begins: list[PcscError | None] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def begin(self) -> None:
        self.log.append("begin")
        if self.begins and (error := self.begins.pop(0)) is not None:
            raise error

    def transmit(self, apdu: bytes) -> bytes:
        self.log.append("transmit")
        answer = self.answers.pop(0) if self.answers else self._answer(apdu)
        if isinstance(answer, PcscError):
            raise answer
        return answer

    def end(self, *, reset: bool) -> None:
        self.log.append("reset" if reset else "leave")
        if reset and self.card is not None:
            self.card.card.power_off()

    def disconnect(self) -> None:
        self.log.append("disconnect")

    def _answer(self, apdu: bytes) -> bytes:
        assert self.card is not None
        return self.card.transmit(apdu)


@dataclass
class FakeService:
    """A service with one reader."""

    card: FakeCard = field(default_factory=FakeCard)
    refusals: list[int] = field(default_factory=list)
    """Codes that the next connects answer."""
    up: bool = True
    states: "queue.SimpleQueue[dict[str, int] | PcscError]" = field(default_factory=queue.SimpleQueue)
    """What the readers become next; until then they stay as they are."""

    def open(self) -> "FakeService":
        if not self.up:
            raise PcscError(NO_SERVICE)
        return self

    def names(self) -> list[str]:
        return [READER]

    def wait(self, known: Mapping[str, int], seconds: float) -> dict[str, int]:
        try:
            state = self.states.get(timeout=seconds)
        except queue.Empty:
            return {READER: known[READER] or STATE_EMPTY}
        if isinstance(state, PcscError):
            raise state
        return state

    def connect(self, reader: str) -> FakeCard:
        if self.refusals:
            raise PcscError(self.refusals.pop(0))
        return self.card

    def close(self) -> None: ...


def service_with_card(**wishes: object) -> FakeService:
    eeprom, _ = make_card(**{"pin": PIN, "puk": PUK, **wishes})  # type: ignore[arg-type]
    return FakeService(FakeCard(FaultyCard(VirtualCard(eeprom))))


def service_with_gids_card() -> FakeService:
    eeprom, _ = make_gids_card(pin=PIN)
    return FakeService(FakeCard(FaultyCard(VirtualGids(eeprom))))


class FakeWindow:
    """Remembers what it was told; answers as it was told to."""

    def __init__(self, *, says_yes: bool = True) -> None:
        self.says_yes = says_yes
        self.types = Typed(NEW_PIN, PIN)
        self.told: list[str] = []
        self.asked: list[tuple[str, float]] = []

    def offered(self, session_id: str, pairing: Pairing, words: tuple[str, str, str], *, first: bool) -> None:
        self.told.append(f"offered {session_id} {first}")

    def spare(self, session_id: str, pairing: Pairing, words: tuple[str, str, str]) -> None:
        self.told.append(f"spare {session_id}")

    def begun_anew(self, session_id: str, words: tuple[str, str, str]) -> None:
        self.told.append(f"anew {session_id}")

    def doing(self, what: Doing, script_kind: str = "") -> None:
        self.told.append(what.value)

    def readers(self, facts: Facts) -> None: ...

    def problem(self, code: str) -> None:
        self.told.append(code)

    def warning(self, code: str) -> None:
        self.told.append(f"warning {code}")

    def ended(self, outcome: str, code: str) -> None:
        self.told.append(f"ended {outcome}")

    async def ask_pins(self, question: Question, words: tuple[str, str, str], seconds: float) -> Typed | None:
        self.asked.append((question.last_four, seconds))
        return self.types if self.says_yes else None

    async def confirm(self, question: Question, words: tuple[str, str, str], seconds: float) -> bool:
        self.asked.append((question.last_four, seconds))
        return self.says_yes


class FakeGateway:
    """Answers from lists; an exception in one is raised. With nothing left it waits for ever."""

    def __init__(self) -> None:
        self.steps: list[Order | Idle | Over | Exception] = []
        """Of the first session."""
        self.on_offer: list[Order | Idle | Over | Exception] = []
        """Of OFFERED."""
        self.replies: list[Order | Exception | None] = []
        self.reports: list[tuple[str, str, Report]] = []
        self.attached = 0
        self.refusals: list[Exception | None] = []
        """How the first Attach calls are answered; None as any other."""
        self.asked_at: list[float] = []
        self.attempts: list[tuple[bytes, str]] = []
        self.left: list[bool] = []
        self.has_nothing = asyncio.Event()
        """The first session's poll waits."""
        self.waits: list[int] = []
        """How long it was allowed to wait with each answer; seconds."""

    async def attach(self, public_key: bytes, facts: Facts, attempt_id: str) -> tuple[str, str, Pairing]:
        self.asked_at.append(asyncio.get_running_loop().time())
        self.attempts.append((public_key, attempt_id))
        refused = self.refusals.pop(0) if self.refusals else None
        if refused is not None:
            raise refused
        self.attached += 1
        return f"session-{self.attached}", "token", PAIRING

    async def next_step(
        self, session: Session, facts: Facts, wait_seconds: int, *, card_left: bool = False
    ) -> Order | Idle | Over:
        is_first = session.session_id in (SESSION.session_id, "session-1")
        steps = self.steps if is_first else self.on_offer if session == OFFERED else []
        if not steps:
            if is_first:
                self.has_nothing.set()
            await asyncio.Event().wait()
        self.waits.append(wait_seconds)
        self.left.append(card_left)
        step = steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    async def report(self, session: Session, step_id: str, report: Report) -> Order | None:
        reply = self.replies.pop(0) if self.replies else None
        if isinstance(reply, GatewayAway):
            raise reply
        self.reports.append((session.session_id, step_id, report))
        if isinstance(reply, Exception):
            raise reply
        return reply


PRESENT = {READER: STATE_PRESENT}
EMPTY = {READER: STATE_EMPTY}
