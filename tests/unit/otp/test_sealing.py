import hashlib
import hmac
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from services.otp.domain.code import Bearer, Code
from services.otp.sealing import CodeKey, NotifierKey
from services.runtime import hpke
from services.runtime.hpke import NotSealedForUs
from tests.fakes.clock import NOON

BEARER = Bearer("session", "holder", "card", "UNLOCK", 1)
CODE = Code("code", BEARER, b"", NOON, NOON + timedelta(minutes=15), "attempt")
KEY = CodeKey(b"k" * 32)


@pytest.mark.parametrize(
    ("code_id", "bearer", "digits"),
    [
        ("other", BEARER, "12345678"),
        ("code", replace(BEARER, session_id="other"), "12345678"),
        ("code", replace(BEARER, holder_ref="other"), "12345678"),
        ("code", replace(BEARER, card_ref="other"), "12345678"),
        ("code", replace(BEARER, purpose="REGISTER"), "12345678"),
        ("code", BEARER, "12345679"),
        ("codes", replace(BEARER, session_id="ession"), "12345678"),
    ],
)
def test_S7_a_digest_is_of_one_code_session_holder_card_and_purpose(
    code_id: str, bearer: Bearer, digits: str
) -> None:
    assert KEY.digest(code_id, bearer, digits) != KEY.digest("code", BEARER, "12345678")


def test_S8_the_digest_is_keyed() -> None:
    digest = KEY.digest("code", BEARER, "12345678")

    assert digest == KEY.digest("code", BEARER, "12345678")
    assert digest != CodeKey(b"l" * 32).digest("code", BEARER, "12345678")


def test_the_digest_is_hmac_sha256_over_its_parts_with_their_lengths() -> None:
    parts = ("smartcard-unlock/code/mac/v1", "code", "session", "holder", "card", "UNLOCK", "12345678")
    message = b"".join(len(part).to_bytes(2, "big") + part.encode() for part in parts)

    assert KEY.digest("code", BEARER, "12345678") == hmac.new(b"k" * 32, message, hashlib.sha256).digest()


@pytest.mark.parametrize(
    "other",
    [
        replace(CODE, code_id="other"),
        replace(CODE, bearer=replace(BEARER, session_id="other")),
        replace(CODE, bearer=replace(BEARER, address_version=2)),
        replace(CODE, expires_at=CODE.expires_at + timedelta(seconds=1)),
    ],
)
def test_S41_a_sealed_code_opens_only_in_its_context(other: Code) -> None:
    private = X25519PrivateKey.generate()
    sealed = NotifierKey(private.public_key().public_bytes_raw()).seal(CODE, "12345678")

    def context(code: Code) -> bytes:
        bearer = code.bearer
        return hpke.code_info(code.code_id, bearer.session_id, code.expires_at, bearer.address_version)

    assert hpke.open_sealed(private, sealed, context(CODE)) == b"12345678"
    with pytest.raises(NotSealedForUs):
        hpke.open_sealed(private, sealed, context(other))
    with pytest.raises(NotSealedForUs):
        hpke.open_sealed(X25519PrivateKey.generate(), sealed, context(CODE))
