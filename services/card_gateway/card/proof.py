"""What a card signs to prove that it is the card it says it is.

The agent builds the digest itself and the gateway builds it again to check the signature, so that
nobody can use a card as a signing oracle. Checking is in `services.card_gateway.proofs`.
"""

import hashlib
from enum import Enum

_CONTEXT = b"smartcard-unlock/prove/v1"
NONCE_LENGTH = 32
_OURS = b"unlock/1"
"""How every challenge of ours to an admin-key card begins. No honest card draws it (chance 2^-64)."""
AGENT_KEY_LENGTH = 32
_SHA256_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")  # RFC 8017, 9.2, note 1
_RSA2048_BYTES = 256


class Purpose(Enum):
    """What a signature is for; one made for one purpose is worthless for another."""

    READ = "READ"
    RESET = "RESET"
    SIGN_IN = "SIGN_IN"


class Algorithm(Enum):
    """Key types of a card's 9E key that we can check; values are PIV algorithm ids.

    Source: NIST SP 800-78-5, table 9.
    """

    P256 = 0x11
    RSA2048 = 0x07


def challenge_digest(
    purpose: Purpose, gateway_name: str, session_id: str, nonce: bytes, agent_public_key: bytes
) -> bytes:
    """The 32 bytes a card signs. Raises ValueError for a nonce or key that is not 32 bytes long."""
    if len(nonce) != NONCE_LENGTH or len(agent_public_key) != AGENT_KEY_LENGTH:
        raise ValueError("nonce and agent key have 32 bytes each")
    named = (purpose.value.encode(), gateway_name.encode(), session_id.encode())
    parts = (_CONTEXT, *named, nonce, agent_public_key)
    return hashlib.sha256(b"".join(len(part).to_bytes(2, "big") + part for part in parts)).digest()


def card_challenge(digest: bytes) -> bytes:
    """The 16 bytes that an admin-key card is asked to answer: marked as ours, and as fresh as the digest.

    Both answers of a mutual authentication are made with one key and look alike; without the mark, a
    card could have our own answer to one challenge pass for its proof of another.
    """
    return _OURS + digest[:8]


def is_ours(challenge: bytes) -> bool:
    """True for a challenge that only we may set: a card that sends it has it from us."""
    return challenge.startswith(_OURS)


def pkcs1_block(digest: bytes) -> bytes:
    """The 256-byte EMSA-PKCS1-v1_5 block of a SHA-256 digest: PIV cards do raw RSA. RFC 8017, 9.2."""
    tail = b"\x00" + _SHA256_DIGEST_INFO + digest
    return b"\x00\x01" + b"\xff" * (_RSA2048_BYTES - 2 - len(tail)) + tail
