"""Profile PIV: NIST SP 800-73pt2-5. The PUK resets the PIN and is rotated at the workstation."""

from services.card_gateway.card.profiles.piv import changing, signing_in
from services.card_gateway.card.profiles.piv.facts import parse_proof, parse_read
from services.card_gateway.card.profiles.piv.scripts import (
    KIND,
    encode_puk,
    imported_secret,
    order_candidates,
    prove_script,
    read_script,
    recover_script,
    reset_script,
)
from services.card_gateway.card.profiles.piv.verdicts import judge_recover, judge_reset
from services.card_gateway.card.profiles.profile import ChangeOfPin, ProofOfHolder

CHANGE: ChangeOfPin | None = changing
SIGN_IN: ProofOfHolder | None = signing_in
UNBLOCKS_ONLY_BLOCKED = False
"""A PIV card takes a PUK whether or not its PIN is blocked."""

ROTATES = True
PROVES_IN_READ = True
SECRET_TRIES = 3
"""The fewest that any PIV card had; more is believed where the card tells (`cards.md`, 1.4)."""
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
    "encode_puk",
    "imported_secret",
    "judge_recover",
    "judge_reset",
    "order_candidates",
    "parse_proof",
    "parse_read",
    "prove_script",
    "read_script",
    "recover_script",
    "reset_script",
]
