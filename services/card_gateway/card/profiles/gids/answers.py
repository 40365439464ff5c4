"""What stands in the two answers of a mutual authentication; enciphering them is the vault's.

Admin: R2 ‖ R1 ‖ Z1 ‖ 80. Card: R1 ‖ R2 ‖ Z2 ‖ 80. R1 is ours, R2 the card's, Z1 and Z2 are random and of
no use to us. Three-key 3DES in CBC mode with IV 0, no padding. Source: design `cards.md`, 3.
"""

import hmac

CHALLENGE_LENGTH = 16
FILLER_LENGTH = 7
ANSWER_LENGTH = 40
KEY_LENGTH = 24
_END = b"\x80"


def plain_answer(challenges: bytes, filler: bytes) -> bytes:
    """The admin's answer before it is enciphered. `challenges`: R1 ‖ R2; `filler`: 7 random bytes."""
    if len(challenges) != 2 * CHALLENGE_LENGTH or len(filler) != FILLER_LENGTH:
        raise ValueError("two challenges of 16 bytes and a filler of 7")
    return challenges[CHALLENGE_LENGTH:] + challenges[:CHALLENGE_LENGTH] + filler + _END


def answers_proof(plain: bytes, challenges: bytes) -> bool:
    """True where the deciphered answer of a card is one to these challenges."""
    return len(plain) == ANSWER_LENGTH and hmac.compare_digest(plain[: 2 * CHALLENGE_LENGTH], challenges)


def imported_secret(text: str) -> bytes:
    """An admin key out of 48 hex digits. Raises ValueError, without the value."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        raise ValueError("an admin key is written in hex digits") from None
    parts = {key[:8], key[8:16], key[16:]}
    if len(key) != KEY_LENGTH or len(parts) == 1:
        raise ValueError("an admin key has 24 bytes, not the same 8 three times")
    return key
