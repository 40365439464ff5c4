import hashlib
import hmac
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from smartcard_unlock.otp.v1 import otp_pb2

from services.otp.domain.code import Bearer, Code, Particulars
from services.otp.sealing import CodeKey, CodeKeys, NotifierKey
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
    ("attempt_id", "bearer", "digits"),
    [
        ("other", BEARER, "12345678"),
        ("attempt", replace(BEARER, session_id="other"), "12345678"),
        ("attempt", replace(BEARER, holder_ref="other"), "12345678"),
        ("attempt", replace(BEARER, card_ref="other"), "12345678"),
        ("attempt", replace(BEARER, purpose="REGISTER"), "12345678"),
        ("attempt", BEARER, "12345679"),
    ],
)
def test_S7_what_is_kept_of_wrong_digits_is_of_one_attempt_session_holder_card_and_purpose(
    attempt_id: str, bearer: Bearer, digits: str
) -> None:
    assert KEY.digits_ref(attempt_id, bearer, digits) != KEY.digits_ref("attempt", BEARER, "12345678")


def test_S8_what_is_kept_of_wrong_digits_is_keyed_and_no_digest_of_a_code() -> None:
    kept = KEY.digits_ref("attempt", BEARER, "12345678")

    assert kept == KEY.digits_ref("attempt", BEARER, "12345678")
    assert kept != CodeKey(b"l" * 32).digits_ref("attempt", BEARER, "12345678")
    assert not KEY.digest("attempt", BEARER, "12345678").hex().startswith(kept)


def test_F22_wrong_digits_are_known_again_by_either_key_and_kept_by_the_newest() -> None:
    old, new = CodeKey(b"o" * 32), CodeKey(b"n" * 32)
    refs = [key.digits_ref("attempt", BEARER, "12345678") for key in (new, old)]

    assert CodeKeys(new, old).digits_refs("attempt", BEARER, "12345678") == refs


def under(key: CodeKey, key_id: str | None = None) -> Code:
    """A code as it was stored while that key issued."""
    named = key.key_id if key_id is None else key_id
    return replace(CODE, digest=key.digest("code", BEARER, "12345678"), key_id=named)


def test_F22_two_keys_are_valid_while_one_replaces_the_other() -> None:
    old, new = CodeKey(b"o" * 32), CodeKey(b"n" * 32)
    before, after = CodeKeys(old, new), CodeKeys(new, old)

    for keys in (before, after):
        for code in (under(old), under(new)):
            assert keys.digests(code, BEARER, "12345678") == [code.digest]
    assert after.digest("code", BEARER, "12345678") == under(new).digest
    assert (before.key_id, after.key_id) == (old.key_id, new.key_id)


def test_F22_a_key_that_is_gone_judges_nothing() -> None:
    assert CodeKeys(CodeKey(b"n" * 32)).digests(under(CodeKey(b"o" * 32)), BEARER, "12345678") == []


def test_F21_a_code_from_before_keys_had_names_is_judged_by_every_key() -> None:
    old, new = CodeKey(b"o" * 32), CodeKey(b"n" * 32)

    assert under(old, "").digest in CodeKeys(new, old).digests(under(old, ""), BEARER, "12345678")


def test_the_name_of_a_key_is_no_part_of_it() -> None:
    assert KEY.key_id not in (b"k" * 32).hex()
    assert len({CodeKey(bytes([n]) * 32).key_id for n in range(50)}) == 50


def test_a_network_is_kept_as_a_keyed_digest() -> None:
    assert CodeKeys(KEY).network_ref("192.0.2.1") == KEY.network_ref("192.0.2.1")
    assert KEY.network_ref("192.0.2.1") != CodeKey(b"l" * 32).network_ref("192.0.2.1")
    assert (len(KEY.network_ref("192.0.2.1")), KEY.network_ref("")) == (32, "")


def test_what_the_mail_says_besides_travels_sealed_in_a_context_of_its_own() -> None:
    private = X25519PrivateKey.generate()
    notifier = NotifierKey(private.public_key().public_bytes_raw())
    sealed = notifier.seal_particulars(CODE, Particulars("4F2A", "Example Hospital"))
    context = ("code", "session", CODE.expires_at, 1)

    opened = hpke.open_sealed(private, sealed, hpke.particulars_info(*context))
    assert otp_pb2.CodeParticulars.FromString(opened).site == "Example Hospital"
    with pytest.raises(NotSealedForUs):
        hpke.open_sealed(private, sealed, hpke.code_info(*context))
    assert notifier.seal_particulars(CODE, Particulars()) == b""


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
