"""GENERAL AUTHENTICATE of a virtual card: one signature, ECDSA P-256 or raw RSA-2048.

Refusals are as varied as those of real cards, so that nobody reads meaning into them.
"""

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from deploy.local.virtual_card.framing import element

P256 = 0x11
RSA2048 = 0x07


def algorithm_of(key_der: bytes) -> int:
    """The PIV algorithm id of a private key."""
    return P256 if isinstance(_load(key_der), ec.EllipticCurvePrivateKey) else RSA2048


def sign(key_der: bytes, algorithm: int, template: bytes) -> tuple[bytes, int]:
    """Sign what stands under tag 81 of a dynamic authentication template. NIST SP 800-73pt2-5, 3.2.4."""
    key = _load(key_der)
    challenge = _challenge(template)
    if algorithm != algorithm_of(key_der):
        return b"", 0x6A86
    if challenge is None:
        return b"", 0x6A80
    if isinstance(key, ec.EllipticCurvePrivateKey):
        if len(challenge) != 32:
            return b"", 0x6A80
        return _wrapped(key.sign(challenge, ec.ECDSA(Prehashed(hashes.SHA256())))), 0x9000
    if len(challenge) != 256:
        return b"", 0x6F00
    numbers = key.private_numbers()
    plain = pow(int.from_bytes(challenge, "big"), numbers.d, numbers.public_numbers.n)
    return _wrapped(plain.to_bytes(256, "big")), 0x9000


def _load(key_der: bytes) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    key = serialization.load_der_private_key(key_der, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise TypeError("a key this card cannot sign with")
    return key


def _challenge(template: bytes) -> bytes | None:
    """The value under 7C, 81; the response's empty 82 may stand before or after it."""
    outer = _elements(template).get(0x7C)
    inner = _elements(outer) if outer is not None else {}
    return inner.get(0x81) if inner.get(0x82) == b"" else None


def _elements(data: bytes) -> dict[int, bytes]:
    found, at = {}, 0
    while at + 2 <= len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length in (0x81, 0x82):
            size = length & 0x0F
            length, at = int.from_bytes(data[at : at + size], "big"), at + size
        if at + length > len(data):
            return {}
        found[tag], at = data[at : at + length], at + length
    return found


def _wrapped(signature: bytes) -> bytes:
    return element(0x7C, element(0x82, signature))
