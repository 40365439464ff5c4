from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.audit.domain.ledger import Run, missing, runs
from services.audit.domain.record import Origin

OFFSETS = st.sets(st.integers(0, 40))


def origins(offsets: set[int], partition: int = 0) -> list[Origin]:
    return [Origin("t", partition, offset) for offset in offsets]


def offsets_of(found: list[Run]) -> set[int]:
    return {offset for run in found for offset in range(run.first, run.last + 1)}


def test_neighbours_become_one_run() -> None:
    assert runs(origins({1, 2, 3, 7, 8})) == [Run("t", 0, 1, 3), Run("t", 0, 7, 8)]


def test_partitions_are_apart() -> None:
    assert runs(origins({1}) + origins({2}, partition=1)) == [Run("t", 0, 1, 1), Run("t", 1, 2, 2)]


@given(OFFSETS)
def test_runs_hold_exactly_their_offsets(offsets: set[int]) -> None:
    found = runs(origins(offsets))

    assert offsets_of(found) == offsets
    assert all(left.last + 1 < right.first for left, right in pairwise(found))


@given(OFFSETS, OFFSETS)
def test_missing_is_what_is_wanted_and_not_held(wanted: set[int], held: set[int]) -> None:
    assert offsets_of(missing(runs(origins(wanted)), runs(origins(held)))) == wanted - held


def test_overlapping_runs_hold_no_less() -> None:
    held = [Run("t", 0, 0, 5), Run("t", 0, 3, 4), Run("t", 0, 6, 9)]

    assert missing([Run("t", 0, 0, 10)], held) == [Run("t", 0, 10, 10)]
