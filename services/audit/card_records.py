"""The records of one card, read by their index (SQLAlchemy)."""

from typing import Any

from sqlalchemy import Row, Select, select, tuple_

from services.audit.domain.history import PAGE, CardAsked, CardEvent, CardPage, Mark, page_of
from services.audit.domain.log import NotReady, Receipt
from services.audit.receipts import newest_head, receipt_of
from services.audit.tables import BODIES, LEAVES, RECORDS, SAME_BODY
from services.runtime.database import Database

ORDER = (RECORDS.c.occurred_us, RECORDS.c.ce_id)


class SqlCardRecords:
    """From SQLite or PostgreSQL; reads only."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, asked: CardAsked, after: Mark | None) -> CardPage:
        """Return the newest records that have their bodies still, or those older than a mark."""
        columns = (RECORDS.c.ce_id, RECORDS.c.ce_type, BODIES.c.body, RECORDS.c.occurred_us)
        newest_first = [column.desc() for column in ORDER]
        chosen = (
            _of_card(asked, *columns)
            .where(BODIES.c.body.is_not(None))
            .order_by(*newest_first)
            .limit(PAGE + 1)
        )
        if after:
            chosen = chosen.where(tuple_(*ORDER) < tuple_(after.occurred_us, after.ce_id))
        async with self._database.read() as connection:
            rows = (await connection.execute(chosen)).all()
            head = await newest_head(connection)
        signed = head.size if head else 0
        return page_of([_event(row, signed) for row in rows])

    async def receipt(self, asked: CardAsked, ce_id: str) -> Receipt | NotReady:
        """Return the receipt of one record of the card, or how far it has come."""
        chosen = _of_card(asked, RECORDS, BODIES.c.body).where(RECORDS.c.ce_id == ce_id)
        async with self._database.read() as connection:
            return await receipt_of(connection, (await connection.execute(chosen)).first())


def _of_card(asked: CardAsked, *columns: Any) -> Select[Any]:
    """Choose columns of the card's records, and their leaves.

    What names nobody is of the card all the same: it ended before its holder was asked for.
    """
    return (
        select(*columns, LEAVES.c.leaf_index)
        .select_from(RECORDS)
        .outerjoin(BODIES, SAME_BODY)
        .outerjoin(LEAVES, LEAVES.c.ce_id == RECORDS.c.ce_id)
        .where(
            RECORDS.c.card_ref == asked.card_ref,
            RECORDS.c.holder_ref.in_((asked.holder_ref, "")),
            RECORDS.c.organisation.in_((asked.organisation, "")),
        )
    )


def _event(row: Row[Any], signed: int) -> CardEvent:
    """Return the record; its place only where a head of that size covers it."""
    there = row.leaf_index is not None and row.leaf_index < signed
    mark = Mark(row.occurred_us, row.ce_id)
    return CardEvent(mark, row.ce_type, bytes(row.body), row.leaf_index + 1 if there else 0)
