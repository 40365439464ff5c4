"""What a READ tells: on blocked cards, on cards of several makes, on cards that are broken or lie."""

import gzip
import hashlib
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.virtual_card import FaultyCard, InProcessCard, VirtualCard, make_card
from services.card_gateway import proofs
from services.card_gateway.card.facts import CardFacts, Proof, Unsupported
from services.card_gateway.card.guard import Insertion
from services.card_gateway.card.profiles import piv
from services.card_gateway.card.profiles.puk_form import PukForm
from services.card_gateway.card.proof import Algorithm
from services.card_gateway.card.runner import Fill, run
from services.card_gateway.card.script import Answer, End, Report
from services.card_gateway.card.tlv import encode
from tests.unit.card_gateway.card.one_card import CARDS, DIGEST, OLD_PIN, one_card


@pytest.mark.parametrize("make", CARDS)
@pytest.mark.parametrize("key", ["P256", "RSA2048"])
def test_a_blocked_card_tells_who_it_is_and_signs_and_spends_no_try(make: str, key: str) -> None:
    card = one_card(make, key_9e=key, compressed=key == "RSA2048")
    facts = card.read()

    assert facts.guid == card.eeprom.guid
    assert (facts.pin_blocked, facts.pin_tries_left) == (True, 0)
    assert facts.algorithm is Algorithm[key]
    assert facts.cert_9e_der is not None
    assert facts.signature is not None
    assert proofs.verify(proofs.public_key_of(facts.cert_9e_der), facts.algorithm, DIGEST, facts.signature)
    assert facts.puk_tries_left == (None if make == "OpenFIPS201" else card.eeprom.puk_left)
    assert (card.eeprom.wrong_pin_tries, card.eeprom.wrong_puk_tries, card.eeprom.log) == (0, 0, [])


def test_a_card_that_is_not_blocked_tells_its_tries_also_while_its_pin_is_verified() -> None:
    card = one_card(blocked=False)
    card.port.transmit(bytes.fromhex("00A4040009A0000003080000100000"))
    card.port.transmit(bytes.fromhex("0020008008373339313534FFFF"))

    assert (card.read().pin_blocked, card.read().pin_tries_left) == (False, 5)


def test_a_card_with_the_factory_puk_says_so_where_it_knows_metadata() -> None:
    assert one_card(puk=b"12345678").read().puk_is_default is True
    assert one_card("OpenFIPS201", puk=b"12345678").read().puk_is_default is None


def test_a_card_without_a_card_authentication_key_is_read_and_proves_nothing() -> None:
    facts = one_card(with_9e=False).read()

    assert (facts.cert_9e_der, facts.signature, facts.algorithm) == (None, None, None)


def test_R5_the_end_of_the_authentication_certificate_is_read() -> None:
    end = datetime(2026, 10, 31, 12, 0, tzinfo=UTC)
    facts = one_card(not_after=end).read()

    assert facts.cert_9a_der is not None
    assert proofs.expires_at(facts.cert_9a_der) == end


@pytest.mark.parametrize("frame", [255, 256])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_certificate_of_many_frames_is_read_whole(frame: int, compressed: bool) -> None:
    card = one_card(certificate_bytes=3000, frame=frame, compressed=compressed)
    facts = card.read()

    assert facts.cert_9a_der is not None
    assert len(facts.cert_9a_der) > 3000
    assert proofs.expires_at(facts.cert_9a_der) > datetime.now(UTC)


@pytest.mark.parametrize("policy", ["", "4000", "6010", "6020"])
def test_a_card_whose_primary_passcode_is_the_global_pin_is_refused_untouched(policy: str) -> None:
    eeprom, _ = make_card(pin=OLD_PIN, puk="40718263", pin_policy=policy)
    report = run(
        piv.read_script(), InProcessCard(FaultyCard(VirtualCard(eeprom))), Fill(digest=DIGEST), Insertion()
    )
    facts = piv.parse_read(report)

    if policy == "6020":
        assert facts == Unsupported("PIN_IS_GLOBAL")
    else:
        assert isinstance(facts, CardFacts)
    assert eeprom.log == []


def test_a_proof_is_of_the_card_that_was_read() -> None:
    card = one_card(key_9e="RSA2048")
    proof = piv.parse_proof(card.run(piv.prove_script(card.chuid_hash, Algorithm.RSA2048)))

    assert isinstance(proof, Proof)
    assert proof.chuid_hash == card.chuid_hash


def test_F17_another_card_proves_nothing() -> None:
    script = piv.prove_script(one_card().chuid_hash, Algorithm.P256)

    assert piv.parse_proof(one_card().run(script)) == Unsupported("CARD_CHANGED")


@pytest.mark.parametrize(("kind", "at"), [("drop_before", 0), ("drop_after", 3), ("empty", 5), ("hang", 6)])
def test_a_card_pulled_while_it_is_read_is_read_again(kind: str, at: int) -> None:
    card = one_card()
    card.arm(kind, at, 9.0)
    report = card.run(piv.read_script())

    assert piv.parse_read(report) == Unsupported("TIMED_OUT" if kind == "hang" else "CARD_REMOVED")


@pytest.mark.parametrize("sw", [0x6A82, 0x6D00, 0x6999, 0x6E00])
def test_whatever_a_card_of_another_kind_answers_it_is_not_supported(sw: int) -> None:
    report = Report((Answer("select", sw),), End.STOPPED)

    assert piv.parse_read(report) == Unsupported("UNSUPPORTED_CARD")


GOOD = one_card().run(piv.read_script())
NAMES = [answer.name for answer in GOOD.answers]


def with_answer(name: str, data: bytes) -> Report:
    answers = (replace(answer, data=data) if answer.name == name else answer for answer in GOOD.answers)
    return replace(GOOD, answers=tuple(answers))


@given(st.sampled_from(NAMES), st.binary(max_size=300))
def test_S55_garbage_from_a_card_is_facts_or_a_refusal_and_no_error(name: str, data: bytes) -> None:
    assert isinstance(piv.parse_read(with_answer(name, data)), CardFacts | Unsupported)
    assert isinstance(piv.parse_proof(with_answer(name, data)), Proof | Unsupported)


def test_F18_a_certificate_that_unpacks_without_end_is_refused() -> None:
    bomb = gzip.compress(bytes(10**7))
    data = encode(0x53, encode(0x70, bomb) + encode(0x71, b"\x01") + encode(0xFE, b""))

    assert piv.parse_read(with_answer("cert-9a", data)) == Unsupported("UNSUPPORTED_CARD")


def test_a_new_puk_is_eight_digits_whatever_the_mac() -> None:
    assert piv.encode_puk(bytes(32)) == b"00000000"
    assert len(piv.encode_puk(b"\xff" * 32)) == 8
    assert piv.encode_puk(b"\xff" * 32).isdigit()
    with pytest.raises(ValueError):
        piv.encode_puk(b"short")


@pytest.mark.parametrize("text", ["12345", "123456789", "12345\n", "1234567é", ""])
def test_an_imported_puk_that_no_card_takes_is_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ValueError) as refused:
        piv.imported_secret(text)

    assert not text or text not in str(refused.value)


def test_puks_of_another_alphabet_and_length_are_data() -> None:
    form = PukForm("0123456789ABCDEF", 4, 6, 8)
    mac = hashlib.sha256(b"one card").digest()

    assert form.derived(mac) == b"%06X\xff\xff" % (int.from_bytes(mac, "big") % 16**6)
    assert form.as_card_has_it("00FF") == b"00FF\xff\xff\xff\xff"
    for text in ("00f0", "000", "0000000"):
        with pytest.raises(ValueError):
            form.as_card_has_it(text)


def test_a_short_imported_puk_is_padded_as_the_card_has_it() -> None:
    assert piv.imported_secret("123456") == b"123456\xff\xff"
