"""Profile GIDS: minidriver cards. An admin key, which no workstation ever sees, sets the PIN.

The card asks, the vault answers, and the card's own answer to that proves that it knows the key too. There is
no PUK, nothing to rotate, and nothing that could be proven before somebody may unlock the card.
"""

from services.card_gateway.card.profiles.gids.answers import answers_proof, imported_secret, plain_answer
from services.card_gateway.card.profiles.gids.facts import parse_proof, parse_read
from services.card_gateway.card.profiles.gids.scripts import KIND, answer_script, prove_script, read_steps
from services.card_gateway.card.profiles.gids.verdicts import judge_reset, proof_in, took_answer
from services.card_gateway.card.profiles.profile import ChangeOfPin, ProofOfHolder

CHANGE: ChangeOfPin | None = None
SIGN_IN: ProofOfHolder | None = None
UNBLOCKS_ONLY_BLOCKED = False
ROTATES = False
"""The key does not cross the workstation, so there is no reason to replace it; and its successor would."""
PROVES_IN_READ = False
SECRET_TRIES = 5
"""Wrong answers after which the strictest card known is blocked; no card tells its count. `cards.md`, 3."""
SECRET_USES: int | None = None
"""No such card that we know wears out."""

__all__ = [
    "CHANGE",
    "KIND",
    "PROVES_IN_READ",
    "ROTATES",
    "SECRET_TRIES",
    "SECRET_USES",
    "SIGN_IN",
    "UNBLOCKS_ONLY_BLOCKED",
    "answer_script",
    "answers_proof",
    "imported_secret",
    "judge_reset",
    "parse_proof",
    "parse_read",
    "plain_answer",
    "proof_in",
    "prove_script",
    "read_steps",
    "took_answer",
]
