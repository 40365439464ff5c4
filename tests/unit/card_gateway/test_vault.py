"""One way out for a PUK, and only with a fresh proof; sealed values open only where they belong."""

import hashlib
import hmac
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.card_gateway import admin_key
from services.card_gateway.domain.budget import Secret
from services.card_gateway.domain.journal import Rotation, RowState
from services.card_gateway.master_keys import FileKeyProvider
from services.card_gateway.ports import Authorisation, CardProof, NotReleased
from services.card_gateway.vault import RELEASES_A_MINUTE, MasterVault
from tests.fakes.clock import NOON
from tests.fakes.randomness import SeededRandomness

CARD, OTHER_CARD = "c1" * 16, "d2" * 16
MASTER = bytes(range(32))
KEYS = FileKeyProvider({"k1": MASTER, "k2": bytes(32)}, "k2")


def vault() -> MasterVault:
    return MasterVault(KEYS, SeededRandomness())


def secret(version: int = 1, puk: str = "40718263", card_ref: str = CARD) -> Secret:
    imported, kid = vault().seal_imported(card_ref, "PIV", puk)
    return Secret(card_ref, version, "k1" if version else kid, version, imported, kid, 3, 3)


def row(version: int = 1) -> Rotation:
    return Rotation("row", CARD, "session", version, "k1", version + 1, "k2", RowState.SENT, NOON)


AUTHORISATION = Authorisation("session", CARD, "a1" * 16, "row", NOON, NOON + timedelta(seconds=10), "PIV")
PROOF = CardProof("session", CARD, NOON)


async def test_a_derived_puk_is_eight_digits_of_the_mac_over_card_and_version() -> None:
    puks = await vault().release(AUTHORISATION, PROOF, secret(), row(), NOON)
    mac = hmac.digest(MASTER, bytes.fromhex(CARD) + (1).to_bytes(4, "big"), hashlib.sha256)

    assert puks.current == b"%08d" % (int.from_bytes(mac, "big") % 10**8)
    assert puks.following != puks.current
    assert "current" not in repr(puks)


@pytest.mark.parametrize("puk", ["40718263", "407182"])
async def test_version_0_is_the_imported_value_as_the_card_has_it(puk: str) -> None:
    puks = await vault().release(AUTHORISATION, PROOF, secret(0, puk), row(0), NOON)

    assert puks.current == puk.encode().ljust(8, b"\xff")


@pytest.mark.parametrize(
    "changed",
    [
        {"authorisation": replace(AUTHORISATION, session_id="other")},
        {"authorisation": replace(AUTHORISATION, card_ref=OTHER_CARD)},
        {"authorisation": replace(AUTHORISATION, rotation_id="other")},
        {"proof": replace(PROOF, session_id="other")},
        {"proof": replace(PROOF, card_ref=OTHER_CARD)},
        {"proof": replace(PROOF, proved_at=NOON - timedelta(seconds=11))},
        {"secret": replace(secret(), stopped="SECRET_MISMATCH")},
        {"row": replace(row(), state=RowState.PREPARED)},
        {"row": replace(row(), state=RowState.CANCELLED)},
        {"row": replace(row(), card_ref=OTHER_CARD)},
        {"now": NOON + timedelta(seconds=10)},
    ],
    ids=str,
)
async def test_I2_nothing_leaves_where_authorisation_proof_and_time_do_not_fit(
    changed: dict[str, object],
) -> None:
    fitting = {"authorisation": AUTHORISATION, "proof": PROOF, "secret": secret(), "row": row(), "now": NOON}

    with pytest.raises(NotReleased):
        await vault().release(**(fitting | changed))  # type: ignore[arg-type]


async def test_S45_a_sealed_value_in_another_cards_row_does_not_open() -> None:
    swapped = replace(secret(0), imported=secret(0, card_ref=OTHER_CARD).imported)

    with pytest.raises(NotReleased, match="VAULT_DAMAGED"):
        await vault().release(AUTHORISATION, PROOF, swapped, row(0), NOON)


def reset_number(number: int) -> tuple[Authorisation, CardProof, Secret, Rotation]:
    name = f"row-{number}"
    return replace(AUTHORISATION, rotation_id=name), PROOF, secret(), replace(row(), rotation_id=name)


async def test_no_more_leave_in_a_minute_than_one_process_could_need() -> None:
    kept = vault()
    for number in range(RELEASES_A_MINUTE):
        await kept.release(*reset_number(number), NOON)
    with pytest.raises(NotReleased, match="TOO_MANY_RELEASES"):
        await kept.release(*reset_number(RELEASES_A_MINUTE), NOON)

    later = NOON + timedelta(minutes=1)
    fresh = replace(AUTHORISATION, begin_before=later + timedelta(seconds=1)), replace(PROOF, proved_at=later)
    assert (await kept.release(*fresh, secret(), row(), later)).current


async def test_one_agent_that_asks_again_and_again_uses_up_nobody_elses_releases() -> None:
    kept = vault()
    for _ in range(RELEASES_A_MINUTE + 1):
        await kept.release(AUTHORISATION, PROOF, secret(), row(), NOON)

    assert (await kept.release(*reset_number(1), NOON)).current


async def test_tokens_differ_by_purpose_and_by_each_part() -> None:
    derive = vault().derive
    parts = [
        ("k2", "a", "bc"),
        ("k2", "ab", "c"),
        ("k2", "a", "b", "c"),
        ("k2", "a", "bd"),
        ("k1", "a", "bc"),
    ]
    made = [derive(*each) for each in parts]

    assert len(set(made)) == len(parts)


@pytest.mark.parametrize("puk", ["", "12345", "123456789", "12345\n78", "1234567é"])
async def test_what_is_no_puk_is_not_sealed(puk: str) -> None:
    with pytest.raises(ValueError, match="PUK"):
        vault().seal_imported(CARD, "PIV", puk)


KEY = bytes(range(24))
CHALLENGES = bytes(range(32))
TO_ANSWER = replace(AUTHORISATION, rotation_id="", profile="GIDS")


def admin_secret(card_ref: str = CARD) -> Secret:
    imported, kid = vault().seal_imported(card_ref, "GIDS", KEY.hex())
    return Secret(card_ref, 0, kid, 0, imported, kid, 5, 5)


def test_an_answer_is_made_with_the_cards_key_and_is_not_the_key() -> None:
    answer = vault().answer(TO_ANSWER, PROOF, admin_secret(), CHALLENGES, NOON)
    plain = admin_key.decipher(KEY, answer)

    assert plain[:32] == CHALLENGES[16:] + CHALLENGES[:16]
    assert plain[39:] == b"\x80"
    assert KEY[:8] not in answer


def test_only_a_cards_own_answer_is_its_proof() -> None:
    mine = admin_secret()
    good = admin_key.encipher(KEY, CHALLENGES + bytes(7) + b"\x80")

    assert vault().is_proof("GIDS", mine, CHALLENGES, good)
    ours = vault().answer(TO_ANSWER, PROOF, mine, CHALLENGES, NOON)
    others = admin_key.encipher(KEY[::-1], CHALLENGES + bytes(7) + b"\x80")
    for wrong in (ours, others, good[:-1], good[:32], b"", good[::-1]):
        assert not vault().is_proof("GIDS", mine, CHALLENGES, wrong)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"authorisation": replace(TO_ANSWER, session_id="other")}, "NOT_AUTHORISED"),
        ({"authorisation": replace(TO_ANSWER, card_ref=OTHER_CARD)}, "NOT_AUTHORISED"),
        ({"proof": replace(PROOF, card_ref=OTHER_CARD)}, "NOT_AUTHORISED"),
        ({"secret": admin_secret(OTHER_CARD)}, "NOT_AUTHORISED"),
        ({"secret": replace(admin_secret(), stopped="SECRET_MISMATCH")}, "NOT_AUTHORISED"),
        ({"secret": replace(admin_secret(), imported=None)}, "ERR1009"),
        ({"now": NOON + timedelta(seconds=10)}, "TOO_LATE"),
        ({"proof": replace(PROOF, proved_at=NOON - timedelta(seconds=11))}, "TOO_LATE"),
    ],
)
def test_I2_no_answer_without_authorisation_proof_and_time(changed: dict[str, Any], code: str) -> None:
    fitting: dict[str, Any] = {"authorisation": TO_ANSWER, "proof": PROOF, "secret": admin_secret()}
    fitting |= {"challenges": CHALLENGES, "now": NOON}
    with pytest.raises(NotReleased) as kept:
        vault().answer(**fitting | changed)

    assert kept.value.code == code


def test_answers_count_with_releases_against_one_rate() -> None:
    mine, secret_ = vault(), admin_secret()
    for number in range(RELEASES_A_MINUTE):
        session: dict[str, Any] = {"session_id": f"session-{number}"}
        mine.answer(replace(TO_ANSWER, **session), replace(PROOF, **session), secret_, CHALLENGES, NOON)
    with pytest.raises(NotReleased, match="TOO_MANY_RELEASES"):
        mine.answer(TO_ANSWER, PROOF, secret_, CHALLENGES, NOON)
