"""What the records say, as SQL over them: one session, gaps. Reads only."""

import itertools
from collections.abc import Sequence

from sqlalchemy import case, func, select

from services.audit.domain.ledger import Run
from services.audit.ports import StoredRecord
from services.audit.storage import instant_of
from services.audit.tables import BODIES, IS_OUTCOME, LEDGER, RECORDS, SAME_BODY
from services.runtime.database import Database


class SqlReports:
    """Reports from SQLite or PostgreSQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def session_records(self, session_id: str) -> Sequence[StoredRecord]:
        """Return the outcomes of one session in the order they happened."""
        chosen = (
            select(RECORDS.c.ce_id, RECORDS.c.source, BODIES.c.body, RECORDS.c.stored_us)
            .outerjoin(BODIES, SAME_BODY)
            .where(RECORDS.c.session_id == session_id, IS_OUTCOME)
        )
        async with self._database.read() as connection:
            rows = await connection.execute(chosen.order_by(RECORDS.c.occurred_us, RECORDS.c.ce_id))
            return [StoredRecord(row.ce_id, row.source, row.body, instant_of(row.stored_us)) for row in rows]

    async def gaps(self) -> Sequence[Run]:
        """Return the runs of offsets that are missing between stored ones."""
        held = await self.held()
        pairs = itertools.pairwise(held)
        return [
            Run(left.topic, left.partition, left.last + 1, right.first - 1)
            for left, right in pairs
            if (left.topic, left.partition) == (right.topic, right.partition)
        ]

    async def held(self) -> Sequence[Run]:
        """Return the fewest runs of offsets that hold all that was stored."""
        partition = (LEDGER.c.topic, LEDGER.c.partition)
        order = (LEDGER.c.first_offset, LEDGER.c.last_offset)
        reached = func.max(LEDGER.c.last_offset).over(partition_by=partition, order_by=order, rows=(None, -1))
        seen = select(LEDGER, reached.label("reached")).cte("seen")
        begins = case((seen.c.first_offset > func.coalesce(seen.c.reached, -2) + 1, 1), else_=0)
        where = (seen.c.topic, seen.c.partition)
        order_seen = (seen.c.first_offset, seen.c.last_offset)
        island = (
            func.sum(begins).over(partition_by=where, order_by=order_seen, rows=(None, 0)).label("island")
        )
        islands = select(seen, island).cte("islands")
        key = (islands.c.topic, islands.c.partition, islands.c.island)
        held = select(*key, func.min(islands.c.first_offset), func.max(islands.c.last_offset)).group_by(*key)
        async with self._database.read() as connection:
            rows = await connection.execute(held.order_by(*key))
            return [Run(topic, part, first, last) for topic, part, _, first, last in rows]
