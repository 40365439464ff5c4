"""Idempotent consumers: which events were taken already, by `ce_id`.

By id and never by sequence: sequences are used again, ids are not. Ids are kept longer than
any topic keeps its messages.
"""

from datetime import datetime, timedelta

from sqlalchemy import Column, MetaData, String, Table, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.database import UtcDateTime

KEPT = timedelta(days=45)
"""Longer than `*.events.v1` keeps a message (30 days) and its dead letters (14 days more)."""


def inbox_table(metadata: MetaData) -> Table:
    """Add the inbox to a service's tables; return it."""
    return Table(
        "inbox",
        metadata,
        Column("ce_id", String(36), primary_key=True),
        Column("taken_at", UtcDateTime, nullable=False, index=True),
    )


async def first_time(connection: AsyncConnection, inbox: Table, ce_id: str, now: datetime) -> bool:
    """Write the event down; return False where it was taken before."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(inbox).values(ce_id=ce_id, taken_at=now).on_conflict_do_nothing()
    # By what comes back and not by rowcount, which psycopg leaves at -1 for such an insert.
    return (await connection.execute(statement.returning(inbox.c.ce_id))).first() is not None


async def forget_old(connection: AsyncConnection, inbox: Table, now: datetime) -> int:
    """Delete ids that no topic can bring again; return how many."""
    return (await connection.execute(delete(inbox).where(inbox.c.taken_at < now - KEPT))).rowcount
