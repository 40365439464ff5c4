"""What a report of a RESET, RECOVER or CHANGE can mean, in words that all profiles share.

Two facts, judged apart: a card may have taken the new PIN and not the new PUK. Where the card may or
may not have acted, the verdict is UNKNOWN, never a guess.
"""

from dataclasses import dataclass, field
from enum import Enum

from services.card_gateway.card.status_words import Tries


class PukState(Enum):
    """Which PUK stands in the card, in the words of the journal."""

    CURRENT = "CURRENT"
    NEXT = "NEXT"
    UNKNOWN = "UNKNOWN"
    """One of the two."""
    NEITHER = "NEITHER"
    """The card refused what must be its PUK: the vault is wrong. Never try another."""


@dataclass(frozen=True)
class Candidates:
    """The two PUKs that may stand in a card, the likelier first."""

    first: PukState
    first_puk: bytes = field(repr=False)
    second: PukState
    second_puk: bytes = field(repr=False)


class Holder(Enum):
    """What became of the PIN."""

    SUCCESS = "SUCCESS"
    """The card said 9000: the new PIN stands."""
    FAILED = "FAILED"
    """The PIN is what it was, and another try would end the same way."""
    PIN_REFUSED = "PIN_REFUSED"
    """The card does not like this PIN; the grant is still good for another."""
    UNKNOWN = "UNKNOWN"
    NOT_ATTEMPTED = "NOT_ATTEMPTED"
    """The PIN is what it was; the same session may try again."""
    WRONG_PIN = "WRONG_PIN"
    """CHANGE: the current PIN was not the card's. A try is spent; the same session may try again."""


@dataclass(frozen=True)
class Verdict:
    """What a report means."""

    holder: Holder
    code: str = ""
    """Stable error code; empty for SUCCESS."""
    puk: PukState = PukState.UNKNOWN
    wrong_puk_tries: int = 0
    """Tries of the PUK that are spent now and, as far as is known, not won back by a right one."""
    puk_tries_left: int | None = None
    """At least so many, from what the card said and what was lost since; None where it said nothing.

    After SUCCESS the counter is full but for `wrong_puk_tries`."""
    lost: PukState | None = None
    """RECOVER: the candidate that was sent and not answered; `order_candidates` wants it next time."""


@dataclass(frozen=True)
class ChangeVerdict:
    """What the report of a CHANGE means: only the PIN is in question."""

    holder: Holder
    code: str = ""
    """Stable error code; empty for SUCCESS."""
    tries: Tries | None = None
    """What the card last said of its PIN; None where it said nothing."""


@dataclass(frozen=True)
class HolderVerdict:
    """What the report of a PROVE_HOLDER means; whether the signature is good is checked elsewhere."""

    code: str = ""
    """Stable error code; empty where there is a signature."""
    tries: Tries | None = None
    """What the card last said of its PIN; None where it said nothing, or took the PIN."""
    signature: bytes | None = field(default=None, repr=False)
    """By the holder's key, after the PIN was verified."""


UNREPORTED = Verdict(Holder.UNKNOWN, "OUTCOME_UNKNOWN", PukState.UNKNOWN, wrong_puk_tries=1)
"""A script that was fetched and of which nothing was ever heard."""

UNREPORTED_CHANGE = ChangeVerdict(Holder.UNKNOWN, "OUTCOME_UNKNOWN")
"""The same of a CHANGE: no READ can tell which PIN stands."""
