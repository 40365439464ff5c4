"""HPKE between Chromium (`@hpke/core`) and Python (`cryptography`): each opens what the other sealed.

The recipient's key is the bytes 01 to 20, so that nobody takes it for a secret.
"""

import json
from base64 import urlsafe_b64encode
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from playwright.sync_api import Page

pytestmark = pytest.mark.browser

SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
VECTOR_FILE = Path(__file__).parent / "vectors/hpke_pin.json"
VECTOR: dict[str, str] = json.loads(VECTOR_FILE.read_text())
RECIPIENT = X25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
PLAINTEXT = VECTOR["plaintext"]
INFO = VECTOR["info"]

SEAL = """async ([module, key, context, digits]) => {
  const { fromBase64Url, seal } = await import(module);
  return Array.from(await seal(fromBase64Url(key), context, digits));
}"""
OPEN = """async ([module, key, context, message]) => {
  const { open } = await import(module);
  return open(Uint8Array.from(key), context, Uint8Array.from(message));
}"""


def recipient_key() -> str:
    return urlsafe_b64encode(RECIPIENT.public_key().public_bytes_raw()).rstrip(b"=").decode()


def seal_in_page(page: Page, origin: str, seal_module: str, context: str, digits: str) -> bytes:
    page.goto(origin)
    return bytes(page.evaluate(SEAL, [f"/assets/{seal_module}", recipient_key(), context, digits]))


def test_what_chromium_seals_python_opens(page: Page, origin: str, built: dict[str, str]) -> None:
    sealed = seal_in_page(page, origin, built["seal.js"], INFO, PLAINTEXT)

    assert SUITE.decrypt(sealed, RECIPIENT, info=INFO.encode()) == PLAINTEXT.encode()


def test_what_was_sealed_for_one_attempt_opens_in_no_other(
    page: Page, origin: str, built: dict[str, str]
) -> None:
    sealed = seal_in_page(page, origin, built["seal.js"], INFO, PLAINTEXT)

    with pytest.raises(InvalidTag):
        SUITE.decrypt(sealed, RECIPIENT, info=INFO[:-1].encode() + b"9")


def test_two_seals_of_one_passcode_differ(page: Page, origin: str, built: dict[str, str]) -> None:
    seals = {seal_in_page(page, origin, built["seal.js"], INFO, PLAINTEXT) for _ in range(2)}

    assert len(seals) == 2


@pytest.mark.parametrize("sealer", ["sealed_by_chromium", "sealed_by_python"])
def test_python_opens_the_vector(sealer: str) -> None:
    sealed = bytes.fromhex(VECTOR[sealer])

    assert RECIPIENT.public_key().public_bytes_raw() == bytes.fromhex(VECTOR["recipient_public"])
    assert SUITE.decrypt(sealed, RECIPIENT, info=INFO.encode()) == PLAINTEXT.encode()


@pytest.mark.parametrize("sealer", ["sealed_by_chromium", "sealed_by_python"])
def test_chromium_opens_the_vector(page: Page, origin: str, sealer: str) -> None:
    page.goto(origin)
    message = list(bytes.fromhex(VECTOR[sealer]))

    assert page.evaluate(OPEN, ["/open.js", list(range(1, 33)), INFO, message]) == PLAINTEXT
