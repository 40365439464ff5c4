"""Pairing codes, readers and the budget: the pure rules."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.card_gateway.card.verdict import PukState
from services.card_gateway.domain import pairing
from services.card_gateway.domain.budget import Budget, Secret, Spent
from services.card_gateway.domain.journal import RowState, prepare, settle
from services.card_gateway.domain.readers import Presence, ReaderState, judge
from tests.fakes.clock import NOON

SECRET = Secret("c1" * 16, 4, "k1", 6, None, "k1", 3, 3)


@given(st.binary(min_size=8, max_size=32))
def test_S13_a_code_is_ten_characters_that_read_back(mac: bytes) -> None:
    code = pairing.code_of(mac)

    assert len(code) == pairing.CODE_LENGTH
    assert pairing.typed(pairing.shown(code)) == code


def test_S13_a_code_carries_50_bits() -> None:
    assert len(pairing.ALPHABET) ** pairing.CODE_LENGTH == 2**50
    assert pairing.code_of(bytes(8)) == "0000000000"
    assert pairing.code_of(b"\xff" * 8) == "ZZZZZZZZZZ"


@pytest.mark.parametrize("text", ["oil01-lOI01", " OIL01LOI01 ", "oi l01-lo i01"])
def test_look_alikes_mean_the_same(text: str) -> None:
    assert pairing.typed(text) == "0110110101"


@pytest.mark.parametrize("text", ["", "ABC", "ABCD-EFGH", "ABCDE-FGHJ!", "ABCDE-FGHJKM", "ÄBCDE-FGHJK"])
def test_what_is_no_code_is_none(text: str) -> None:
    assert pairing.typed(text) is None


@pytest.mark.parametrize(
    ("service_up", "readers", "state"),
    [
        (False, (Presence.PRESENT,), ReaderState.SERVICE_DOWN),
        (True, (), ReaderState.NO_READER),
        (True, (Presence.EMPTY,), ReaderState.NO_CARD),
        (True, (Presence.EMPTY, Presence.PRESENT), ReaderState.CARD),
        (True, (Presence.PRESENT, Presence.PRESENT), ReaderState.TWO_CARDS),
        (True, (Presence.MUTE,), ReaderState.CARD_MUTE),
        (True, (Presence.MUTE, Presence.PRESENT), ReaderState.TWO_CARDS),
    ],
)
def test_R45_readers_are_summed_up_in_one_word(
    service_up: bool, readers: tuple[Presence, ...], state: ReaderState
) -> None:
    assert judge(service_up, readers) is state


@pytest.mark.parametrize(
    ("tries", "failed", "allowed"), [(3, 0, True), (2, 4, True), (1, 0, False), (3, 5, False)]
)
def test_I4_the_budget_keeps_the_last_try_and_counts_failures(tries: int, failed: int, allowed: bool) -> None:
    assert Budget().allows(SECRET.expecting(3 - tries), Spent(failed)) is allowed


def test_a_rotation_never_uses_a_version_that_has_left_before() -> None:
    row = prepare(SECRET, "row", "session", "k2", NOON)

    assert (row.version, row.kid, row.next_version, row.next_kid) == (4, "k1", 7, "k2")


@pytest.mark.parametrize(
    ("puk", "state", "version", "stopped"),
    [
        (PukState.NEXT, RowState.CONFIRMED, 7, ""),
        (PukState.CURRENT, RowState.CANCELLED, 4, ""),
        (PukState.UNKNOWN, RowState.UNKNOWN, 4, ""),
        (PukState.NEITHER, RowState.UNKNOWN, 4, "SECRET_MISMATCH"),
    ],
)
def test_I3_a_settled_row_says_which_version_stands(
    puk: PukState, state: RowState, version: int, stopped: str
) -> None:
    later = NOON + timedelta(seconds=5)
    row, secret = settle(prepare(SECRET, "row", "session", "k2", NOON), SECRET, puk, later)

    assert (row.state, row.changed_at, secret.version, secret.stopped) == (state, later, version, stopped)
