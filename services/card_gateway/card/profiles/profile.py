"""What a card profile must be able to do, so that use cases and vault need not know which card it is."""

from typing import Protocol

from services.card_gateway.card.facts import CardFacts, Proof, Unsupported
from services.card_gateway.card.proof import Algorithm
from services.card_gateway.card.script import Report, Script
from services.card_gateway.card.verdict import Candidates, ChangeVerdict, PukState, Verdict


class ChangeOfPin(Protocol):
    """How a kind of card replaces its PIN by the PIN that the holder knows. A module is one."""

    def change_script(self, chuid_hash: bytes, *, last_try: bool) -> Script:
        """Tries first, then the change; `last_try`: also where one try is left."""
        ...

    def judge_change(self, report: Report) -> ChangeVerdict:
        """Judge what a CHANGE did."""
        ...


class Profile(Protocol):
    """One kind of card whose PIN is set by a PUK. A module of `profiles` is one."""

    KIND: str
    """Its word in imports, rows and facts."""
    CHANGE: ChangeOfPin | None
    """None for a kind of card that has no script for it: CHANGE_UNSUPPORTED."""
    UNBLOCKS_ONLY_BLOCKED: bool
    """True where a card gives a new PIN without the current one only once that is blocked."""

    def parse_read(self, report: Report) -> CardFacts | Unsupported:
        """The facts of a READ, or why there are none."""
        ...

    def prove_script(self, chuid_hash: bytes, algorithm: Algorithm) -> Script:
        """A fresh proof by the card that was read; leaves the transaction open for the reset."""
        ...

    def parse_proof(self, report: Report) -> Proof | Unsupported:
        """The proof of a PROVE, or why there is none."""
        ...

    def reset_script(self, chuid_hash: bytes, puk: bytes, next_puk: bytes) -> Script:
        """Set the new PIN with a PUK that must be the card's, then the next PUK. SECRET."""
        ...

    def judge_reset(self, report: Report) -> Verdict:
        """Judge what a RESET did."""
        ...

    def order_candidates(
        self, current: bytes, following: bytes, *, pin_blocked: bool, lost: PukState | None = None
    ) -> Candidates:
        """Which of two PUKs to try first, so that the better guess costs nothing."""
        ...

    def recover_script(self, chuid_hash: bytes, candidates: Candidates) -> Script:
        """Set the new PIN with one of two PUKs; rotate nothing. SECRET."""
        ...

    def judge_recover(self, report: Report) -> Verdict:
        """Judge what a RECOVER did."""
        ...

    def encode_puk(self, mac: bytes) -> bytes:
        """A PUK as the card takes it, out of a MAC of 32 bytes, in the alphabet of its cards."""
        ...

    def pad_puk(self, text: str) -> bytes:
        """An imported PUK as the card has it. Raises ValueError, without the value."""
        ...
