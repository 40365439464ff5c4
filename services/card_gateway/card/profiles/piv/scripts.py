"""The scripts of PIV: what is sent to a card, in which order, and what may go on."""

import string

from services.card_gateway.card.profiles.piv import commands
from services.card_gateway.card.profiles.puk_form import PukForm
from services.card_gateway.card.proof import Algorithm
from services.card_gateway.card.script import Action, Kind, Script, Slot, StatusRule, Step
from services.card_gateway.card.status_words import NOT_FOUND, OK, TRIES_LEFT, TRIES_MASK
from services.card_gateway.card.verdict import Candidates, PukState

KIND = "PIV"
IMPORTED_PUK = PukForm(
    string.digits + string.ascii_letters + string.punctuation + " ", 6, 8, commands.PUK_LENGTH
)
"""What issuers put in. YubiKey: 6 to 8 of any byte up to 7F; others: digits."""
NEW_PUK = PukForm(string.digits, 8, 8, commands.PUK_LENGTH)
"""What we set: the one form that every PIV card takes. 26 bits, safe behind a counter."""

ANYTHING = StatusRule(0x0000, 0x0000, Action.NEXT)
MAY_BE_ABSENT = StatusRule(NOT_FOUND)


UNBLOCK = "unblock"
ROTATE = "rotate"
UNBLOCK_WITH = {PukState.CURRENT: "unblock-current", PukState.NEXT: "unblock-next"}
_SIGN = {Algorithm.P256: "sign-p256", Algorithm.RSA2048: "sign-rsa2048"}


def encode_puk(mac: bytes) -> bytes:
    """The PUK of a MAC, in the form that we set. Raises ValueError for a MAC under 16 bytes."""
    return NEW_PUK.derived(mac)


def imported_secret(text: str) -> bytes:
    """An imported PUK as the card has it. Raises ValueError, without the value."""
    return IMPORTED_PUK.as_card_has_it(text)


def read_script() -> Script:
    """Everything that can be known without a secret; spends no try, also on a blocked card."""
    jump_to_tries = StatusRule(OK, action=Action.JUMP, target="clear")
    steps = (
        Step("select", commands.SELECT),
        Step("chuid", commands.get_data(commands.CHUID), keep=True),
        Step("cert-9a", commands.get_data(commands.CERTIFICATE_9A), rules=(MAY_BE_ABSENT,), keep=True),
        Step("cert-9e", commands.get_data(commands.CERTIFICATE_9E), rules=(MAY_BE_ABSENT,), keep=True),
        Step("discovery", commands.get_data(commands.DISCOVERY), rules=(ANYTHING,), keep=True),
        Step("metadata-puk", commands.get_metadata(commands.PUK), rules=(ANYTHING,), keep=True),
        # The algorithm is known only after the certificate, so both are asked for: a refusal is free.
        _signature(Algorithm.P256, jump_to_tries, ANYTHING),
        _signature(Algorithm.RSA2048, ANYTHING),
        Step("clear", commands.CLEAR_VERIFIED, rules=(ANYTHING,)),
        Step("tries", commands.TRIES, rules=(ANYTHING,)),
    )
    return Script(Kind.READ, steps)


def prove_script(chuid_hash: bytes, algorithm: Algorithm | None) -> Script:
    """A fresh signature of the card that was read; leaves the transaction open for the reset."""
    if algorithm is None:
        raise ValueError("a PIV card proves itself with a key of a known kind")
    return Script(Kind.PROVE, (*same_card(chuid_hash), _signature(algorithm)))


def reset_script(chuid_hash: bytes, puk: bytes, next_puk: bytes) -> Script:
    """Set the new PIN, then the next PUK. `puk` must be known to be the card's; 8 bytes each. SECRET."""
    _require_puks(puk, next_puk)
    steps = (
        *same_card(chuid_hash),
        _unblock(UNBLOCK, puk),
        # A card that refuses the new PUK has still taken the new PIN: go on to the tries.
        Step(ROTATE, commands.change_puk(puk, next_puk), rules=(ANYTHING,)),
        *_tries_left(),
    )
    return Script(Kind.RESET, steps)


def recover_script(chuid_hash: bytes, candidates: Candidates) -> Script:
    """Set the new PIN with the likelier PUK, then with the other; rotate nothing. SECRET.

    The second is not sent where the first answer says that one try or none is left.
    """
    _require_puks(candidates.first_puk, candidates.second_puk)
    first = (
        StatusRule(OK, action=Action.JUMP, target="clear"),
        StatusRule(TRIES_LEFT, action=Action.STOP),
        StatusRule(TRIES_LEFT | 1, action=Action.STOP),
        StatusRule(TRIES_LEFT, TRIES_MASK, Action.NEXT),
    )
    steps = (
        *same_card(chuid_hash),
        _unblock(UNBLOCK_WITH[candidates.first], candidates.first_puk, *first),
        _unblock(UNBLOCK_WITH[candidates.second], candidates.second_puk),
        *_tries_left(),
    )
    return Script(Kind.RECOVER, steps)


def order_candidates(
    current: bytes, following: bytes, *, pin_blocked: bool, lost: PukState | None = None
) -> Candidates:
    """Which of two PUKs to try first, so that the better guess costs nothing.

    `pin_blocked` is what READ has just seen: still blocked means that the reset never took effect, so
    that the PUK cannot have been changed after it. `lost` is the candidate that the last recovery sent
    without an answer: begin with the other one. Had the lost one been right, then its try was free
    and the other costs one; had it been wrong, then it cost one and the other is right.
    """
    likelier = PukState.CURRENT if pin_blocked else PukState.NEXT
    if lost is not None:
        likelier = PukState.NEXT if lost is PukState.CURRENT else PukState.CURRENT
    if likelier is PukState.CURRENT:
        return Candidates(PukState.CURRENT, current, PukState.NEXT, following)
    return Candidates(PukState.NEXT, following, PukState.CURRENT, current)


def same_card(chuid_hash: bytes) -> tuple[Step, Step]:
    """Select, and require the card that was read before: anything else ends with CARD_CHANGED."""
    chuid = Step("chuid", commands.get_data(commands.CHUID), keep=True, expect_sha256=chuid_hash)
    return Step("select", commands.SELECT), chuid


def _tries_left() -> tuple[Step, Step]:
    return (
        Step("clear", commands.CLEAR_VERIFIED, rules=(ANYTHING,)),
        Step("tries", commands.TRIES, rules=(ANYTHING,)),
    )


def _signature(algorithm: Algorithm, *rules: StatusRule) -> Step:
    slot, template = commands.SIGNATURE_TEMPLATE[algorithm]
    return Step(_SIGN[algorithm], commands.sign(algorithm), slot, len(template), rules, keep=True)


def _unblock(name: str, puk: bytes, *rules: StatusRule) -> Step:
    return Step(name, commands.reset_retry_counter(puk), Slot.PIN, commands.PUK_LENGTH, rules)


def _require_puks(*puks: bytes) -> None:
    if any(len(puk) != commands.PUK_LENGTH for puk in puks):
        raise ValueError("a PIV PUK has 8 bytes")
