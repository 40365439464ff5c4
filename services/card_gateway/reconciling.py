"""`reconcile FILE`: which cards identity knows and the vault cannot unlock, and the other way round.

Both sides come in the same order and are read side by side, so that memory does not grow with the fleet. What
is compared is the one thing that both know: the card's random reference.
"""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import BinaryIO

from sqlalchemy import bindparam, func, or_, select

from services.card_gateway import tables
from services.runtime.database import Database

PAGE = 5_000
"""Rows a statement reads."""

LONGEST_LINE = 64
"""Bytes; a reference has 32, and the line that counts them not many more."""

_REF = re.compile(rb"[0-9a-f]{32}")
_COUNT = re.compile(rb"# (\d{1,12}) cards")
_LAST = "g"
"""After every reference, whose digits end with f."""

_CARD, _SECRET = tables.cards.c, tables.secrets.c
_HAS_SECRET = or_(_SECRET.imported.is_not(None), _SECRET.version > 0)
_AFTER = (
    select(_CARD.card_ref, func.coalesce(_HAS_SECRET, False).label("has_secret"))
    .select_from(tables.cards.outerjoin(tables.secrets, _CARD.card_ref == _SECRET.card_ref))
    .where(_CARD.card_ref > bindparam("last"))
    .order_by(_CARD.card_ref)
    .limit(PAGE)
)


class NotTheRefs(Exception):
    """The file is not what `identity cards refs` wrote, or not all of it."""


class Difference(Enum):
    """How the two may differ about a card; the words that are printed."""

    ONLY_IN_IDENTITY = "only in identity"
    ONLY_IN_THE_VAULT = "only in the vault"
    CANNOT_BE_UNLOCKED = "in both, without its secret"


@dataclass(frozen=True)
class _Kept:
    """A card of the vault."""

    card_ref: str
    has_secret: bool


class Reconciling:
    """One comparison; `counts` and `same` are right once `run` has ended."""

    def __init__(self, database: Database, stream: BinaryIO) -> None:
        self._database, self._stream = database, stream
        self.counts = dict.fromkeys(Difference, 0)
        self.same = 0

    async def run(self) -> AsyncIterator[tuple[Difference, str]]:
        """Yield each difference with its card_ref, in order. Raises NotTheRefs."""
        named, kept = refs_of(self._stream), self._kept()
        here, there = await anext(kept), next(named)
        while not (here.card_ref == there == _LAST):
            if there < here.card_ref:
                yield self._counted(Difference.ONLY_IN_IDENTITY), there
                there = next(named)
            elif here.card_ref < there:
                yield self._counted(Difference.ONLY_IN_THE_VAULT), here.card_ref
                here = await anext(kept)
            else:
                if here.has_secret:
                    self.same += 1
                else:
                    yield self._counted(Difference.CANNOT_BE_UNLOCKED), there
                here, there = await anext(kept), next(named)

    def _counted(self, difference: Difference) -> Difference:
        self.counts[difference] += 1
        return difference

    async def _kept(self) -> AsyncIterator[_Kept]:
        """Every card of the vault in ascending order, page by page; then one that is after all."""
        last = ""
        while True:
            async with self._database.read() as connection:
                page = (await connection.execute(_AFTER, {"last": last})).all()
            for row in page:
                yield _Kept(row.card_ref, bool(row.has_secret))
            if len(page) < PAGE:
                break
            last = page[-1].card_ref
        yield _Kept(_LAST, has_secret=True)


def refs_of(stream: BinaryIO) -> Iterator[str]:
    """The references of a file in ascending order; then one that is after all. Raises NotTheRefs."""
    last, count = b"", 0
    for number, line in enumerate(iter(lambda: stream.readline(LONGEST_LINE + 1), b""), 1):
        said = line.strip()
        if (told := _COUNT.fullmatch(said)) is not None:
            if int(told[1]) != count or stream.readline(LONGEST_LINE):
                raise NotTheRefs(f"line {number}: {count} cards came before it")
            yield _LAST
            return
        if not _REF.fullmatch(said) or said <= last:
            raise NotTheRefs(f"line {number}: no card_ref, or not after the one before it")
        last, count = said, count + 1
        yield said.decode()
    raise NotTheRefs("the last line, which counts the cards, is missing: the file was cut")


async def reconcile(database: Database, stream: BinaryIO) -> int:
    """Print every difference and the counts; 1 where there is one. Raises NotTheRefs."""
    run = Reconciling(database, stream)
    async for difference, card_ref in run.run():
        print(f"{difference.value}: {card_ref}")
    told = ", ".join(f"{difference.value} {count}" for difference, count in run.counts.items())
    print(f"in both {run.same}, {told}")
    return 1 if any(run.counts.values()) else 0
