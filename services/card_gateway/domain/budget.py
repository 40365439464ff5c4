"""What a card's PUK can still bear, so that a card ends at the RA and never dead.

The gateway's own belief, written down before each send that may cost a try; a card that tells its
count corrects it. Source: architecture §5, quality I4.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

FLOOR = 2
"""Believed tries below which nothing is sent: the last try is never spent."""

FULL = 3
"""Tries of a PUK whose card does not say; the fewest seen on a PIV card (`cards.md`, 1.4)."""

FAILED_WINDOW = timedelta(hours=24)
FAILED_IN_WINDOW = 5
"""Failed resets a card may have in a window, at most."""


@dataclass(frozen=True)
class Secret:
    """What the vault knows of one card, but for the secret itself, which it derives."""

    card_ref: str
    version: int
    """Version of the PUK that stands in the card, once settled; 0 is the imported factory value."""
    kid: str
    """Master key that version was derived from; for 0 the one its wrapping key comes from."""
    highest: int
    """Highest version that ever left: a PUK that a workstation may have seen is not used again."""
    imported: bytes | None
    """The factory value, sealed; None where the card never had one."""
    imported_kid: str
    tries: int
    """Believed tries of the PUK."""
    tries_full: int
    stopped: str = ""
    """Why no reset is done any more, such as SECRET_MISMATCH; empty while all is well."""

    def expecting(self, loss: int) -> "Secret":
        """The state to write before a send that may cost `loss` tries."""
        return replace(self, tries=self.tries - loss)

    def counted(self, tries: int | None) -> "Secret":
        """The state after a card told its own count; None where it does not tell.

        The count is not signed. A higher one is believed up to what every card has at least; a lower
        one is not kept, since whoever lies could stop a card for good: it ends the session it is told in.
        """
        if tries is None or tries <= self.tries:
            return self
        return replace(self, tries=min(tries, self.tries_full))


def overtaken(tries: int, secret: Secret, scripts_since: int) -> int:
    """Believed tries by a report that said `tries`, where so many scripts were sent after its own.

    Each of those may have cost one, written down or not yet: never more than all of them left.
    """
    return max(min(tries, secret.tries), tries - scripts_since) if scripts_since else tries


@dataclass(frozen=True)
class Spent:
    """What was spent of a card so far, beside its tries."""

    failed: int
    """Resets in the window that failed, or whose end nobody knows."""
    uses: int = 0
    """Scripts that its secret left for, ever; counted only where a card has only so many."""
    uses_in_life: int | None = None
    """How often the secret may be used in the card's life; None where cards of its kind do not count."""


@dataclass(frozen=True)
class Budget:
    """How much of what a card can bear is spent here. Stricter than the design's own, never laxer."""

    floor: int = FLOOR
    failed_in_window: int = FAILED_IN_WINDOW
    uses_kept: int = 1
    """Uses of the secret, where a kind of card has only so many in its life, that are left for its issuer."""

    def __post_init__(self) -> None:
        """Raise ValueError for what spends a last try, or spends none at all."""
        if not FLOOR <= self.floor <= FULL:
            raise ValueError(f"the floor of believed tries is {FLOOR} or {FULL}")
        if not 1 <= self.failed_in_window <= FAILED_IN_WINDOW:
            raise ValueError(f"failed resets in 24 hours are 1 to {FAILED_IN_WINDOW}")
        if self.uses_kept < 1:
            raise ValueError("at least one use of the secret is kept")

    def allows(self, secret: Secret, spent: Spent) -> bool:
        """Tell whether another reset of this card may be begun."""
        worn = spent.uses_in_life is not None and spent.uses >= spent.uses_in_life - self.uses_kept
        tired = secret.tries < self.floor or spent.failed >= self.failed_in_window
        return not (secret.stopped or tired or worn)
