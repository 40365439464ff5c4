"""What the agent needs from outside: the reader service, the gateway, the person.

Protocols only. `readers` speaks PC/SC, `calls` gRPC, `console` with the person; tests bring their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from services.agent.facts import Facts
from services.card_gateway.card.script import Report, Script


class PcscError(Exception):
    """The reader service answered with an error; `code` is its 32-bit PC/SC code, such as 0x80100069."""

    def __init__(self, code: int) -> None:
        super().__init__(f"{code & 0xFFFFFFFF:08X}")
        self.code = code & 0xFFFFFFFF


class CardHandle(Protocol):
    """One shared connection to one card. Every call may block for ever and may raise PcscError."""

    def begin(self) -> None:
        """Begin a transaction: waits while another program has one."""
        ...

    def transmit(self, apdu: bytes) -> bytes:
        """Send one APDU; the whole answer, status word last, may be empty."""
        ...

    def end(self, *, reset: bool) -> None:
        """End the transaction; `reset` resets the card for every program."""
        ...

    def disconnect(self) -> None:
        """Give the handle back."""
        ...


class ReaderContext(Protocol):
    """One session with the reader service. Every call may block and may raise PcscError."""

    def names(self) -> list[str]:
        """Return the readers' names; none is an empty list."""
        ...

    def wait(self, known: Mapping[str, int], seconds: float) -> dict[str, int]:
        """Return the readers' states as soon as one differs from `known`, or when the time is over."""
        ...

    def connect(self, reader: str) -> CardHandle:
        """Connect to the card in the named reader, shared with other programs."""
        ...

    def close(self) -> None:
        """End the session; never raises."""
        ...


class ReaderService(Protocol):
    """The machine's reader service."""

    def open(self) -> ReaderContext:
        """Begin a session. Raises PcscError where there is no service."""
        ...


@dataclass(frozen=True)
class Pairing:
    """How a page finds this agent for 120 s; both are secrets until then."""

    page_address: str = field(repr=False)
    code: str = field(repr=False)
    expires_at: str
    """UTC, ISO 8601."""


@dataclass(frozen=True)
class Session:
    """One unlock session, as the agent knows it."""

    session_id: str
    agent_token: str = field(repr=False)
    private_key: bytes = field(repr=False)
    """X25519, raw."""
    public_key: bytes
    """X25519, raw, 32 bytes."""


@dataclass(frozen=True)
class Question:
    """What the person is asked before a passcode is set, or the holder signs in with it."""

    last_four: str
    reason: str
    last_try: bool = False
    """A wrong current passcode may block the card."""
    pin_at_agent: bool = False
    """The passcodes are typed here as well, and none comes sealed."""
    signs_in: bool = False
    """Nothing is set: the card is to say who holds it. Our own word, by the kind of the script."""

    @property
    def asks_current(self) -> bool:
        """True where the passcode that the card has now is needed."""
        return self.signs_in or self.reason == "CHANGE"


@dataclass(frozen=True)
class Typed:
    """What the person typed here. Kept for one script; never written down."""

    new: str = field(repr=False)
    """Empty where somebody signs in."""
    current: str = field(default="", repr=False)
    """CHANGE and PROVE_HOLDER only."""


@dataclass(frozen=True)
class Order:
    """One step that the gateway gives."""

    step_id: str
    script: Script
    nonce: bytes
    begin_by: float
    """On the monotonic clock: the step must not begin at or after it."""
    question: Question | None = None
    sealed_pin: bytes = field(default=b"", repr=False)
    pin_attempt_id: str = ""
    sealed_current_pin: bytes = field(default=b"", repr=False)
    """CHANGE and PROVE_HOLDER."""


@dataclass(frozen=True)
class Idle:
    """Nothing to do yet."""

    pairing: Pairing | None
    claimed: bool
    signed_in: bool = False
    """The card in the reader proved its holder: its leaving is to be told."""


@dataclass(frozen=True)
class Over:
    """The session has ended."""

    outcome: str
    code: str


class GatewayAway(Exception):
    """The gateway cannot be reached or has no time; try again. `code` is stable."""

    def __init__(self, code: str, retry_after: float = 0.0) -> None:
        super().__init__(code)
        self.code, self.retry_after = code, retry_after


class SessionLost(Exception):
    """The gateway does not know this session or its token any more: attach anew."""


class OrderRefused(Exception):
    """A step of a form that no agent runs; it is answered REFUSED under its id."""

    def __init__(self, step_id: str, rule: str) -> None:
        super().__init__(rule)
        self.step_id, self.rule = step_id, rule


class Gateway(Protocol):
    """The three calls. All raise GatewayAway; the last two SessionLost and OrderRefused too."""

    async def attach(self, public_key: bytes, facts: Facts, attempt_id: str) -> tuple[str, str, Pairing]:
        """Offer this workstation; return session id, agent token and pairing."""
        ...

    async def next_step(
        self, session: Session, facts: Facts, wait_seconds: int, *, card_left: bool = False
    ) -> Order | Idle | Over:
        """Ask for something to do; `card_left`: the card that proved its holder may have been out since."""
        ...

    async def report(self, session: Session, step_id: str, report: Report) -> Order | None:
        """Hand in what a step did; return what follows at once, if anything."""
        ...


class Doing(Enum):
    """What the agent is doing, for its window and its status file."""

    NO_GATEWAY = "NO_GATEWAY"
    OFFERED = "OFFERED"
    CLAIMED = "CLAIMED"
    ASKING = "ASKING"
    WORKING = "WORKING"


class Window(Protocol):
    """What the person sees. No method raises."""

    def offered(self, session_id: str, pairing: Pairing, words: tuple[str, str, str], *, first: bool) -> None:
        """Show where the page is; `first`: the first offer of this run, so a browser may be opened."""
        ...

    def spare(self, session_id: str, pairing: Pairing, words: tuple[str, str, str]) -> None:
        """Show how to begin anew while a session is in use."""
        ...

    def begun_anew(self, session_id: str, words: tuple[str, str, str]) -> None:
        """Show that a page took the spare session, which is the one in use from now on."""
        ...

    def doing(self, what: Doing, script_kind: str = "") -> None:
        """Show what happens now."""
        ...

    def readers(self, facts: Facts) -> None:
        """Show what the readers are like."""
        ...

    def problem(self, code: str) -> None:
        """Show a problem by its code, with what to do."""
        ...

    def warning(self, code: str) -> None:
        """Show what the person should know of the card before anything goes wrong; empty: no more."""
        ...

    def ended(self, outcome: str, code: str) -> None:
        """Show how the session ended."""
        ...

    async def confirm(self, question: Question, words: tuple[str, str, str], seconds: float) -> bool:
        """Ask for the person's yes; False for anything else, no terminal, or no answer in time."""
        ...

    async def ask_pins(self, question: Question, words: tuple[str, str, str], seconds: float) -> Typed | None:
        """Ask the same, and for the passcodes, until they are good; None where `confirm` says False."""
        ...
