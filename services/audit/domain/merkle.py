"""The Merkle tree of the log: hashes, tiles, and which subtrees make up a proof. RFC 9162, section 2.1.

Pure: where hashes are kept is not here. A tile is 256 hashes of one level; level 0 holds the hashes
of leaves, and each hash of level n + 1 is the root of a full tile of level n. Only the right edge, the
tiles that are not full yet, has to be in memory for the tree to grow.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
"""Hashes a tile. Source: quality §4, "Growth"."""

HASH_LENGTH = 32
"""Bytes of a SHA-256."""

EMPTY_ROOT = hashlib.sha256().digest()
"""Root of the tree without leaves. Source: RFC 9162, 2.1.1."""


def hash_leaf(leaf: bytes) -> bytes:
    """Return the hash of a leaf. Source: RFC 9162, 2.1.1."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def hash_children(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node. Source: RFC 9162, 2.1.1."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """Return the root over subtrees of one size, the last of which may be smaller; at least one."""
    row = list(hashes)
    while len(row) > 1:
        # A last one without a sibling goes up as it is: that is RFC 9162's split.
        paired = [hash_children(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)]
        row = paired + row[len(paired) * 2 :]
    return row[0]


@dataclass(frozen=True)
class Tile:
    """A full tile."""

    level: int
    number: int
    hashes: tuple[bytes, ...]

    @property
    def root(self) -> bytes:
        """Its one hash in the level above."""
        return root_of(self.hashes)


class RightEdge:
    """The tiles that are not full yet, level by level: all that the tree needs in order to grow."""

    def __init__(self, size: int = 0, levels: Iterable[Sequence[bytes]] = ()) -> None:
        self.size = size
        """Leaves in the tree."""
        self._levels = [list(level) for level in levels]

    def append(self, leaf_hash: bytes) -> list[Tile]:
        """Add a leaf; return the tiles that it filled, the lowest first."""
        full = []
        level, rising = 0, leaf_hash
        while True:
            if level == len(self._levels):
                self._levels.append([])
            row = self._levels[level]
            row.append(rising)
            if len(row) < TILE_WIDTH:
                break
            number = self.size >> (TILE_HEIGHT * (level + 1))
            full.append(Tile(level, number, tuple(row)))
            row.clear()
            level, rising = level + 1, full[-1].root
        self.size += 1
        return full

    def root(self) -> bytes:
        """Return the root of the tree as it stands."""
        found: list[bytes] = []
        for row in self._levels:
            if row or found:
                found = [root_of([*row, *found])]
        return found[0] if found else EMPTY_ROOT

    def peaks(self) -> list[bytes]:
        """Return the roots of `perfect(0, size)`, in that order."""
        found = []
        for level in reversed(range(len(self._levels))):
            row = self._levels[level]
            found += [root_of(row[node.start : node.end]) for node in perfect(Span(0, len(row)))]
        return found


def levels_of(size: int) -> Iterator[tuple[int, int, int]]:
    """Give level, tile number and width of each tile that is not full in a tree of that size."""
    level = 0
    while size >> (TILE_HEIGHT * level):
        nodes = size >> (TILE_HEIGHT * level)
        yield level, nodes >> TILE_HEIGHT, nodes % TILE_WIDTH
        level += 1


@dataclass(frozen=True)
class Span:
    """The subtree over the leaves from `start` to before `end`."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """How many leaves."""
        return self.end - self.start

    @property
    def place(self) -> tuple[int, int, int, int]:
        """Level and number of the tile that holds a perfect subtree, and from where to before where in it."""
        level = (self.size.bit_length() - 1) // TILE_HEIGHT
        first = self.start >> (TILE_HEIGHT * level)
        within = first % TILE_WIDTH
        return level, first >> TILE_HEIGHT, within, within + (self.size >> (TILE_HEIGHT * level))


def perfect(span: Span) -> list[Span]:
    """Return the perfect subtrees that a subtree of the tree consists of, the largest first."""
    found, start = [], span.start
    while start < span.end:
        size = 1 << ((span.end - start).bit_length() - 1)
        found.append(Span(start, start + size))
        start += size
    return found


def bagged(hashes: Sequence[bytes]) -> bytes:
    """Return the root of perfect subtrees side by side, the largest first; at least one."""
    found = hashes[-1]
    for left in reversed(hashes[:-1]):
        found = hash_children(left, found)
    return found


def inclusion(index: int, size: int) -> list[Span]:
    """Return whose hashes prove that a leaf is in the tree, the leaf's sibling first. RFC 9162, 2.1.3."""
    span, found = Span(0, size), []
    while span.size > 1:
        left, right = _split(span)
        span, sibling = (left, right) if index < right.start else (right, left)
        found.append(sibling)
    return found[::-1]


def consistency(earlier: int, size: int) -> list[Span]:
    """Return whose hashes prove that a smaller tree is the beginning of this one. RFC 9162, 2.1.4.

    `earlier` is at least 1 and at most `size`; of equal trees the proof is empty.
    """
    span, found = Span(0, size), []
    while earlier != span.end:
        left, right = _split(span)
        span, sibling = (left, right) if earlier <= right.start else (right, left)
        found.append(sibling)
    return ([span] if span.start else []) + found[::-1]


def _split(span: Span) -> tuple[Span, Span]:
    """Where RFC 9162 divides a tree: after the largest power of two below its size."""
    middle = span.start + (1 << ((span.size - 1).bit_length() - 1))
    return Span(span.start, middle), Span(middle, span.end)
