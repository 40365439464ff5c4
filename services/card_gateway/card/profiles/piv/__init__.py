"""Profile PIV: NIST SP 800-73pt2-5. The PUK resets the PIN and is rotated at the workstation."""

from services.card_gateway.card.profiles.piv import changing
from services.card_gateway.card.profiles.piv.facts import parse_proof, parse_read
from services.card_gateway.card.profiles.piv.scripts import (
    KIND,
    encode_puk,
    order_candidates,
    pad_puk,
    prove_script,
    read_script,
    recover_script,
    reset_script,
)
from services.card_gateway.card.profiles.piv.verdicts import judge_recover, judge_reset
from services.card_gateway.card.profiles.profile import ChangeOfPin

CHANGE: ChangeOfPin | None = changing
UNBLOCKS_ONLY_BLOCKED = False
"""A PIV card takes a PUK whether or not its PIN is blocked."""

__all__ = [
    "CHANGE",
    "KIND",
    "UNBLOCKS_ONLY_BLOCKED",
    "encode_puk",
    "judge_recover",
    "judge_reset",
    "order_candidates",
    "pad_puk",
    "parse_proof",
    "parse_read",
    "prove_script",
    "read_script",
    "recover_script",
    "reset_script",
]
