"""What the sequencer does: give records their places in the log, and sign the log."""

from services.audit.domain.leaf import leaf_of
from services.audit.domain.merkle import RightEdge, Tile, hash_leaf
from services.audit.ports import Log, LogWork, Signer

BATCH = 500
"""Records a transaction. Source: quality P10."""


class SequenceRecords:
    """Keeps the right edge of the tree in memory between its transactions; on any doubt it reads it again."""

    def __init__(self, log: Log, signer: Signer) -> None:
        self._log = log
        self._signer = signer
        self._edge: RightEdge | None = None

    async def append(self) -> int:
        """Give the next records their places, all or nothing; return how many. Raises StoreBusy."""
        if not await self._log.anything_waits():
            return 0
        async with self._log.begin("audit.append") as work:
            edge = await self._taken_edge(work)
            first, tiles, hashes = edge.size, list[Tile](), list[bytes]()
            records = await work.waiting(BATCH)
            for stored in records:
                hashes.append(hash_leaf(leaf_of(stored.record)))
                tiles += edge.append(hashes[-1])
            await work.append(first, records, hashes, tiles)
        self._edge = edge
        return len(records)

    async def sign(self) -> bool:
        """Sign the log where it has grown since the last head; return whether it had. Raises StoreBusy."""
        async with self._log.begin("audit.sign") as work:
            edge = await self._taken_edge(work)
            newest = await work.newest_head()
            due = edge.size > (newest.size if newest else 0)
            if due:
                await work.sign(self._signer.head(edge.size, edge.root()), edge.peaks())
        self._edge = edge
        return due

    async def _taken_edge(self, work: LogWork) -> RightEdge:
        """Return the edge of the tree as it is stored; kept again after the commit."""
        edge, self._edge = self._edge, None
        if edge is None or edge.size != await work.size():
            edge = await work.edge()
        return edge
