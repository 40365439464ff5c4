"""Receipts: from the log's tiles to a proof, in at most three reads of tiles for a million leaves."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain import checkpoint, merkle
from services.audit.domain.leaf import leaf_of
from services.audit.domain.log import NotReady, Receipt
from services.audit.domain.merkle import Span
from services.audit.log_storage import head_of, peaks_of, read_tile, stored_of
from services.audit.tables import BODIES, HEADS, IS_OUTCOME, LEAVES, RECORDS, SAME_BODY
from services.runtime.database import Database


class SqlReceipts:
    """Receipts from SQLite or PostgreSQL; reads only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def receipt(self, session_id: str) -> Receipt | NotReady:
        """Return the receipt of a session's last word."""
        chosen = (
            select(RECORDS, BODIES.c.body, LEAVES.c.leaf_index)
            .outerjoin(BODIES, SAME_BODY)
            .outerjoin(LEAVES, LEAVES.c.ce_id == RECORDS.c.ce_id)
            .where(RECORDS.c.session_id == session_id, IS_OUTCOME)
            .order_by(RECORDS.c.rank, RECORDS.c.ce_id)
            .limit(1)
        )
        async with self._database.read() as connection:
            row = (await connection.execute(chosen)).first()
            return await receipt_of(connection, row)


async def receipt_of(connection: AsyncConnection, row: Row[Any] | None) -> Receipt | NotReady:
    """Return the receipt of a record, which is read with its body and `leaf_index`."""
    if row is None:
        return NotReady.NOT_RECORDED
    head = await newest_head(connection)
    if row.leaf_index is None or head is None or head.size <= row.leaf_index:
        return NotReady.NOT_SIGNED
    if row.body is None:
        return NotReady.RETIRED
    proof = await Proofs(connection, head).inclusion(row.leaf_index)
    text = checkpoint.receipt(leaf_of(stored_of(row).record), row.leaf_index, proof, head_of(head))
    return Receipt(row.leaf_index, head.size, text)


class Proofs:
    """Proofs against one head: its peaks are the right edge, the rest is read from tiles, each once."""

    def __init__(self, connection: AsyncConnection, head: Row[Any]) -> None:
        self._connection = connection
        self._size = head.size
        self._known = dict(zip(merkle.perfect(Span(0, head.size)), peaks_of(head), strict=True))
        self._tiles: dict[tuple[int, int], list[bytes]] = {}

    @property
    def tiles_read(self) -> int:
        """How many tiles were read so far."""
        return len(self._tiles)

    async def inclusion(self, index: int) -> list[bytes]:
        """Return the proof that a leaf is in the tree, the leaf's sibling first."""
        return await self._hashes(merkle.inclusion(index, self._size))

    async def consistency(self, earlier: int) -> list[bytes]:
        """Return the proof that a smaller tree is the beginning of this one."""
        return await self._hashes(merkle.consistency(earlier, self._size))

    async def _hashes(self, spans: Sequence[Span]) -> list[bytes]:
        return [merkle.bagged([await self._perfect(one) for one in merkle.perfect(span)]) for span in spans]

    async def _perfect(self, span: Span) -> bytes:
        if span in self._known:
            return self._known[span]
        level, number, first, last = span.place
        if (level, number) not in self._tiles:
            self._tiles[level, number] = await read_tile(self._connection, level, number)
        return merkle.root_of(self._tiles[level, number][first:last])


async def newest_head(connection: AsyncConnection) -> Row[Any] | None:
    """Return the row of the newest head; None before the first."""
    return (await connection.execute(select(HEADS).order_by(HEADS.c.size.desc()).limit(1))).first()
