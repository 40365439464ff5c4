"""What a card profile must be able to do, so that use cases and vault need not know which card it is."""

from typing import Protocol

from services.card_gateway.card.facts import CardFacts, Challenged, Proof, Unsupported
from services.card_gateway.card.proof import Algorithm
from services.card_gateway.card.script import Report, Script
from services.card_gateway.card.verdict import Candidates, ChangeVerdict, HolderVerdict, PukState, Verdict


class ChangeOfPin(Protocol):
    """How a kind of card replaces its PIN by the PIN that the holder knows. A module is one."""

    def change_script(self, chuid_hash: bytes, *, last_try: bool) -> Script:
        """Tries first, then the change; `last_try`: also where one try is left."""
        ...

    def judge_change(self, report: Report) -> ChangeVerdict:
        """Judge what a CHANGE did."""
        ...


class ProofOfHolder(Protocol):
    """How a kind of card proves who holds it: by the PIN, and a key of the holder's. A module is one."""

    def prove_holder_script(self, chuid_hash: bytes, algorithm: Algorithm, *, last_try: bool) -> Script:
        """Tries first, then the PIN once, then a signature; `last_try`: also where one try is left."""
        ...

    def judge_holder(self, report: Report) -> HolderVerdict:
        """Judge what a PROVE_HOLDER did."""
        ...


class Profile(Protocol):
    """One kind of card. A module of `profiles` is one; which of the two below, its secret says."""

    KIND: str
    """Its word in imports, rows and facts."""
    CHANGE: ChangeOfPin | None
    """None for a kind of card that has no script for it: CHANGE_UNSUPPORTED."""
    SIGN_IN: ProofOfHolder | None
    """None for a kind of card that nobody can sign in with: SIGN_IN_UNSUPPORTED."""
    UNBLOCKS_ONLY_BLOCKED: bool
    """True where a card gives a new PIN without the current one only once that is blocked."""
    ROTATES: bool
    """The secret crosses the workstation and is replaced there; else it never leaves the vault."""
    PROVES_IN_READ: bool
    """The card proves who it is before anybody is let through; else only in its reset."""
    SECRET_TRIES: int
    """Tries of the secret that every card of the kind has at least."""
    SECRET_USES: int | None
    """How often the secret sets a PIN in a card's life; None for a kind that does not count."""

    def parse_read(self, report: Report) -> CardFacts | Unsupported:
        """The facts of a READ, or why there are none."""
        ...

    def prove_script(self, chuid_hash: bytes, algorithm: Algorithm | None) -> Script:
        """A fresh proof or challenge by the card that was read; leaves it open for the reset."""
        ...

    def parse_proof(self, report: Report) -> Proof | Challenged | Unsupported:
        """What came of a PROVE, or why nothing did."""
        ...

    def judge_reset(self, report: Report) -> Verdict:
        """Judge what a RESET did."""
        ...

    def imported_secret(self, text: str) -> bytes:
        """The secret of an import as it is used. Raises ValueError, without the value."""
        ...


class PukProfile(Profile, Protocol):
    """A card whose PIN is set by a PUK, which is rotated at the workstation."""

    def reset_script(self, chuid_hash: bytes, puk: bytes, next_puk: bytes) -> Script:
        """Set the new PIN with a PUK that must be the card's, then the next PUK. SECRET."""
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


class AdminKeyProfile(Profile, Protocol):
    """A card whose PIN is set by whoever answers its challenge; the key stays in the vault."""

    def plain_answer(self, challenges: bytes, filler: bytes) -> bytes:
        """What the vault enciphers to answer a card; `challenges` are ours and the card's."""
        ...

    def answer_script(self, chuid_hash: bytes, answer: bytes) -> Script:
        """Answer the challenge, then set the new PIN. SECRET."""
        ...

    def took_answer(self, report: Report) -> bool:
        """True where the card took our answer to its challenge for right."""
        ...

    def proof_in(self, report: Report) -> bytes:
        """The card's enciphered answer to our challenge; empty where the report has none."""
        ...

    def answers_proof(self, plain: bytes, challenges: bytes) -> bool:
        """True where a card's deciphered answer is one to these challenges."""
        ...
