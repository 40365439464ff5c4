"""The records of one card, read by their index (SQLAlchemy)."""

from sqlalchemy import select, tuple_

from services.audit.domain.history import PAGE, CardAsked, CardEvent, CardPage, Mark, page_of
from services.audit.receipts import newest_head
from services.audit.tables import LEAVES, RECORDS
from services.runtime.database import Database

ORDER = (RECORDS.c.occurred_us, RECORDS.c.ce_id)


class SqlCardRecords:
    """From SQLite or PostgreSQL; reads only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, asked: CardAsked, after: Mark | None) -> CardPage:
        """Return the newest records, or those older than a mark."""
        # What names nobody is of the card all the same: it ended before its holder was asked for.
        chosen = (
            select(RECORDS.c.ce_id, RECORDS.c.ce_type, RECORDS.c.body, RECORDS.c.occurred_us)
            .add_columns(LEAVES.c.leaf_index)
            .outerjoin(LEAVES, LEAVES.c.ce_id == RECORDS.c.ce_id)
            .where(
                RECORDS.c.card_ref == asked.card_ref,
                RECORDS.c.holder_ref.in_((asked.holder_ref, "")),
                RECORDS.c.organisation.in_((asked.organisation, "")),
            )
            .order_by(*(column.desc() for column in ORDER))
            .limit(PAGE + 1)
        )
        if after:
            chosen = chosen.where(tuple_(*ORDER) < tuple_(after.occurred_us, after.ce_id))
        async with self._database.read() as connection:
            rows = (await connection.execute(chosen)).all()
            head = await newest_head(connection)
        signed = head.size if head else 0
        return page_of(
            [
                CardEvent(
                    Mark(row.occurred_us, row.ce_id), row.ce_type, bytes(row.body), _place(row[4], signed)
                )
                for row in rows
            ]
        )


def _place(leaf_index: int | None, signed: int) -> int:
    """Return the place of a leaf, counted from 1, where a head of that size covers it; else 0."""
    return leaf_index + 1 if leaf_index is not None and leaf_index < signed else 0
