"""Readers and the budget: the pure rules."""

from datetime import timedelta

import pytest

from services.card_gateway.card.verdict import PukState
from services.card_gateway.domain.budget import Budget, Secret, Spent
from services.card_gateway.domain.journal import RowState, prepare, settle
from services.card_gateway.domain.readers import Presence, ReaderState, judge
from tests.fakes.clock import NOON

SECRET = Secret("c1" * 16, 4, "k1", 6, None, "k1", 3, 3)


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
