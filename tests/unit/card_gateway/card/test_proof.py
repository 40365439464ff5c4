import hashlib

import pytest

from deploy.local.virtual_card import make_card
from deploy.local.virtual_card.personalise import KeyType
from deploy.local.virtual_card.signing import sign
from services.card_gateway import proofs
from services.card_gateway.card.proof import Algorithm, Purpose, challenge_digest, pkcs1_block

NONCE, KEY = bytes(range(32)), bytes(range(32, 64))
DIGEST = challenge_digest(Purpose.RESET, "gateway.example.org", "session-1", NONCE, KEY)


def test_the_digest_is_as_written_down() -> None:
    parts = (b"smartcard-unlock/prove/v1", b"RESET", b"gateway.example.org", b"session-1", NONCE, KEY)
    by_hand = b"".join(bytes([0, len(part)]) + part for part in parts)

    assert hashlib.sha256(by_hand).digest() == DIGEST


@pytest.mark.parametrize(
    "other",
    [
        challenge_digest(Purpose.READ, "gateway.example.org", "session-1", NONCE, KEY),
        challenge_digest(Purpose.RESET, "gateway.example.or", "gsession-1", NONCE, KEY),
        challenge_digest(Purpose.RESET, "gateway.example.org", "session-2", NONCE, KEY),
        challenge_digest(Purpose.RESET, "gateway.example.org", "session-1", KEY, NONCE),
    ],
)
def test_every_part_counts_and_none_can_flow_into_the_next(other: bytes) -> None:
    assert other != DIGEST


def test_a_short_nonce_or_key_is_refused() -> None:
    with pytest.raises(ValueError):
        challenge_digest(Purpose.READ, "g", "s", b"", KEY)
    with pytest.raises(ValueError):
        challenge_digest(Purpose.READ, "g", "s", NONCE, KEY[:-1])


def signed(algorithm: Algorithm) -> tuple[bytes, bytes]:
    """A card's 9E public key and its signature of DIGEST."""
    kinds: dict[Algorithm, KeyType] = {Algorithm.P256: "P256", Algorithm.RSA2048: "RSA2048"}
    eeprom, facts = make_card(pin="739154", puk="40718263", key_9e=kinds[algorithm])
    block = DIGEST if algorithm is Algorithm.P256 else pkcs1_block(DIGEST)
    head = bytes.fromhex("7C2482008120" if algorithm is Algorithm.P256 else "7C820106820081820100")
    template, sw = sign(eeprom.keys["9E"], algorithm.value, head + block)
    assert sw == 0x9000
    assert facts.key_9e_der is not None
    signature = template[4:] if algorithm is Algorithm.P256 else template[8:]
    return facts.key_9e_der, signature


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_card_proves_that_it_holds_its_key(algorithm: Algorithm) -> None:
    key, signature = signed(algorithm)

    assert proofs.verify(key, algorithm, DIGEST, signature)


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_signature_of_another_card_digest_or_algorithm_proves_nothing(algorithm: Algorithm) -> None:
    key, signature = signed(algorithm)
    other_key, _ = signed(algorithm)
    other = Algorithm.RSA2048 if algorithm is Algorithm.P256 else Algorithm.P256

    assert not proofs.verify(other_key, algorithm, DIGEST, signature)
    assert not proofs.verify(key, algorithm, bytes(32), signature)
    assert not proofs.verify(key, other, DIGEST, signature)
    for garbage in (b"", b"\x00", signature[:-1], bytes(len(signature))):
        assert not proofs.verify(key, algorithm, DIGEST, garbage)
    assert not proofs.verify(b"no key", algorithm, DIGEST, signature)


def test_key_and_end_are_read_from_a_certificate_and_garbage_is_a_value_error() -> None:
    _, facts = make_card(pin="739154", puk="40718263")
    assert facts.cert_9e_der is not None

    assert proofs.public_key_of(facts.cert_9e_der) == facts.key_9e_der
    assert proofs.expires_at(facts.cert_9a_der) == facts.expires_at
    for read in (proofs.public_key_of, proofs.expires_at):
        with pytest.raises(ValueError):
            read(b"no certificate")
