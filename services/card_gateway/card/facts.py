"""What every profile reads out of a report: who a card says it is, and how it signs.

Whether it is true is not judged here: proofs are checked elsewhere.
"""

from dataclasses import dataclass, field

from services.card_gateway.card.proof import Algorithm
from services.card_gateway.card.script import End

END_CODES = {
    End.CARD_GONE: "CARD_REMOVED",
    End.CARD_CHANGED: "CARD_CHANGED",
    End.REFUSED: "SCRIPT_REFUSED",
    End.TIMED_OUT: "TIMED_OUT",
    End.DECLINED: "DECLINED",
    End.READER_BUSY: "READER_BUSY",
    End.INTERRUPTED: "INTERRUPTED",
    End.NOT_RUN: "INTERRUPTED",
    End.PIN_REFUSED: "PIN_REFUSED",
}
"""Error codes for scripts that neither completed nor were stopped by a status word."""


UNSUPPORTED_CARD = "UNSUPPORTED_CARD"
PIN_IS_GLOBAL = "PIN_IS_GLOBAL"
"""The passcode that the holder types is the card's global PIN, which no PUK of this application sets."""


@dataclass(frozen=True)
class Unsupported:
    """No facts: `code` says why."""

    code: str

    @property
    def about_card(self) -> bool:
        """True where the card itself is at fault; else it is worth reading again."""
        return self.code in (UNSUPPORTED_CARD, PIN_IS_GLOBAL)


@dataclass(frozen=True)
class CardFacts:
    """What was read from a card. Who it belongs to is for the gateway's registry."""

    kind: str
    guid: bytes = field(repr=False)
    """The card's identifier, 16 bytes, as its profile finds it."""
    chuid_hash: bytes = field(repr=False)
    """SHA-256 of the object that holds the identifier: what a later script expects."""
    cert_9a_der: bytes | None = field(repr=False)
    cert_9e_der: bytes | None = field(repr=False)
    pin_tries_left: int | None
    pin_blocked: bool
    signature: bytes | None = field(repr=False)
    algorithm: Algorithm | None
    puk_tries_left: int | None
    """None where the card does not tell."""
    puk_is_default: bool | None


@dataclass(frozen=True)
class Challenged:
    """The challenge of an admin-key card with this identifier; it proves nothing yet."""

    chuid_hash: bytes = field(repr=False)
    challenge: bytes = field(repr=False)


@dataclass(frozen=True)
class Proof:
    """A signature by the key of the card with this identifier."""

    chuid_hash: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    algorithm: Algorithm
