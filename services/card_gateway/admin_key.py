"""Three-key 3DES in CBC mode with IV 0 and no padding: what minidriver cards authenticate their admin by.

Old, and all that these cards know; a challenge is used once and is random, so that the known weaknesses of
its block size and its fixed IV do not matter here. Source: design `cards.md`, 3.
"""

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

BLOCK = 8


def encipher(key: bytes, plain: bytes) -> bytes:
    """Whole blocks under a key of 24 bytes. Raises ValueError for anything else."""
    context = _cipher(key).encryptor()
    return context.update(plain) + context.finalize()


def decipher(key: bytes, enciphered: bytes) -> bytes:
    """The opposite; empty for what is no number of whole blocks."""
    if len(enciphered) % BLOCK:
        return b""
    context = _cipher(key).decryptor()
    return context.update(enciphered) + context.finalize()


def _cipher(key: bytes) -> Cipher[modes.CBC]:
    return Cipher(TripleDES(key), modes.CBC(bytes(BLOCK)))
