"""The log's tree against RFC 9162's own definitions, written down here a second time and recursively."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.audit.domain import merkle
from services.audit.domain.merkle import RightEdge, Span, Tile, hash_children, hash_leaf
from tests.unit.audit.proofs import consistent, included

LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
"""Of the Certificate Transparency project's reference tree."""

ROOTS = [
    "6e340b9c ffb37a98 9ca544e6 bb780a2c 78901d3f b3373876 8511a306 17afa01d",
    "fac54203 e7cc696c f0dfcb42 c92a1d9d baf70ad9 e621f4bd 8d98662f 00e3c125",
    "aeb6bcfe 274b70a1 4fb067a5 e5578264 db0fa9b5 1af5e0ba 159158f3 29e06e77",
    "d37ee418 976dd957 53c1c738 62b9398f a2a2cf9b 4ff0fdfe 8b30cd95 209614b7",
    "4e3bbb1f 7b478dcf e71fb631 631519a3 bca12c9a efca1612 bfce4c13 a86264d4",
    "76e67dad bcdf1e10 e1b74ddc 608abd2f 98dfb16f bce75277 b5232a12 7f2087ef",
    "ddb89be4 03809e32 5750d3d2 63cd7892 9c2942b7 942a34b7 7e122c95 94a74c8c",
    "5dc9da79 a70659a9 ad559cb7 01ded9a2 ab9d823a ad2f4960 cfe370ef f4604328",
]

MANY = [hash_leaf(number.to_bytes(4, "big")) for number in range(70_000)]


def mth(hashes: Sequence[bytes]) -> bytes:
    """RFC 9162, 2.1.1, over hashes of leaves."""
    if len(hashes) == 1:
        return hashes[0]
    middle = 1 << ((len(hashes) - 1).bit_length() - 1)
    return hash_children(mth(hashes[:middle]), mth(hashes[middle:]))


def grown(size: int) -> tuple[RightEdge, list[Tile]]:
    edge, tiles = RightEdge(), []
    for leaf_hash in MANY[:size]:
        tiles += edge.append(leaf_hash)
    return edge, tiles


def hashes_of(spans: list[Span]) -> list[bytes]:
    return [mth(MANY[span.start : span.end]) for span in spans]


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_reference_tree(size: int) -> None:
    edge = RightEdge()
    for leaf in LEAVES[:size]:
        edge.append(hash_leaf(leaf))

    assert edge.root() == bytes.fromhex(ROOTS[size - 1])


def test_the_tree_without_leaves_has_the_root_that_the_standard_names() -> None:
    assert RightEdge().root() == bytes.fromhex(
        "e3b0c442 98fc1c14 9afbf4c8 996fb924 27ae41e4 649b934c a495991b 7852b855"
    )


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 1000, 65_535, 65_536, 65_537, 70_000])
def test_the_right_edge_alone_knows_root_and_peaks(size: int) -> None:
    edge, _ = grown(size)

    assert edge.root() == mth(MANY[:size])
    assert edge.peaks() == hashes_of(merkle.perfect(Span(0, size)))
    assert merkle.bagged(edge.peaks()) == edge.root()


def test_memory_is_bounded_by_the_right_edge() -> None:
    edge, _ = grown(70_000)

    assert [len(level) for level in edge._levels] == [70_000 % 256, (70_000 >> 8) % 256, 1]


def test_full_tiles_hold_what_every_perfect_subtree_needs() -> None:
    _, tiles = grown(70_000)
    kept = {(tile.level, tile.number): tile.hashes for tile in tiles}

    assert len(kept) == 70_000 // 256 + 1
    for span in (
        Span(0, 1),
        Span(255, 256),
        Span(256, 512),
        Span(1024, 1032),
        Span(65_536, 65_792),
        Span(0, 65_536),
    ):
        level, number, first, last = span.place
        if (level, number) in kept:
            assert merkle.root_of(kept[level, number][first:last]) == mth(MANY[span.start : span.end])


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_I13_an_edge_that_is_loaded_again_grows_like_the_one_that_never_stopped(drawn: st.DataObject) -> None:
    size = drawn.draw(st.integers(1, 1500))
    _, tiles = grown(size)
    rows = {(tile.level, tile.number): list(tile.hashes) for tile in tiles}
    levels = [
        [
            mth(MANY[(number * 256 + at) << (8 * level) : (number * 256 + at + 1) << (8 * level)])
            for at in range(width)
        ]
        for level, number, width in merkle.levels_of(size)
    ]
    again = RightEdge(size, levels)
    for leaf_hash in MANY[size : size + 300]:
        again.append(leaf_hash)

    assert again.root() == mth(MANY[: size + 300])
    assert all(len(row) == 256 for row in rows.values())


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_an_inclusion_proof_leads_from_leaf_to_root(drawn: st.DataObject) -> None:
    size = drawn.draw(st.integers(1, 2000))
    index = drawn.draw(st.integers(0, size - 1))
    proof = hashes_of(merkle.inclusion(index, size))

    assert included(index, size, MANY[index], proof, mth(MANY[:size]))
    assert not included(index, size, hash_leaf(b"other"), proof, mth(MANY[:size]))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_I13_a_consistency_proof_leads_to_both_roots(drawn: st.DataObject) -> None:
    size = drawn.draw(st.integers(1, 2000))
    earlier = drawn.draw(st.integers(1, size))

    proof = hashes_of(merkle.consistency(earlier, size))
    forked = mth([hash_leaf(b"other"), *MANY[1:earlier]])

    assert consistent(earlier, size, mth(MANY[:earlier]), mth(MANY[:size]), proof)
    assert not consistent(earlier, size, forked, mth(MANY[:size]), proof)


def test_P11_at_a_million_leaves_a_proof_has_at_most_20_hashes() -> None:
    assert max(len(merkle.inclusion(index, 1_000_000)) for index in range(0, 1_000_000, 997)) <= 20
