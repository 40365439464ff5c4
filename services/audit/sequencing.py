"""What the sequencer does: give records their places in the log, and sign the log."""

from services.audit.domain.checkpoint import Head
from services.audit.domain.leaf import leaf_of
from services.audit.domain.merkle import RightEdge, Tile, hash_leaf
from services.audit.ports import Log, LogWork, Signer

BATCH = 500
"""Records a transaction. Source: quality P10."""


class NotWhatWasSigned(Exception):
    """What is stored does not lead to a head that this key has signed: signing more of it would be a fork."""


class SequenceRecords:
    """Keeps the right edge of the tree in memory between its transactions; on any doubt it reads it again.

    What it reads it trusts only where it leads to the newest head. Raises NotWhatWasSigned otherwise.
    """

    def __init__(self, log: Log, signer: Signer) -> None:
        self._log = log
        self._signer = signer
        self._edge: RightEdge | None = None
        self._last: Head | None = None

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
                newest = self._signer.head(edge.size, edge.root())
                await work.sign(newest, edge.peaks())
        self._edge, self._last = edge, newest
        return due

    async def _taken_edge(self, work: LogWork) -> RightEdge:
        """Return the edge of the tree as it is stored; kept again after the commit."""
        edge, self._edge = self._edge, None
        if edge is None or edge.size != await work.size():
            heads = (await work.newest_head(), self._last)
            edge = await work.edge(await work.size())
            for head in heads:
                if head is not None and not await self._leads_to(work, head, edge.size):
                    raise NotWhatWasSigned
        return edge

    async def _leads_to(self, work: LogWork, head: Head, size: int) -> bool:
        """Tell whether the log begins with the tree of a head. One tree's note is always the same."""
        if head.size > size:
            return False
        return self._signer.head(head.size, (await work.edge(head.size)).root()).note == head.note
