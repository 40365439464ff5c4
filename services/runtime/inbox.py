"""Idempotent consumers: which events were taken already, by `ce_id`.

By id and never by sequence: sequences are used again, ids are not. Ids are kept longer than
any topic keeps its messages.
"""

import functools
from datetime import datetime, timedelta
from typing import Any

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
    statement = _note(inbox, connection.dialect.name)
    return (await connection.execute(statement, {"ce_id": ce_id, "taken_at": now})).first() is not None


@functools.cache
def _note(inbox: Table, dialect: str) -> Any:
    """Insert an id that was not there. Judged by what comes back: psycopg leaves rowcount at -1 here."""
    new = {"postgresql": postgresql, "sqlite": sqlite}[dialect].insert(inbox)
    return new.on_conflict_do_nothing().returning(inbox.c.ce_id)


async def forget_old(connection: AsyncConnection, inbox: Table, now: datetime) -> int:
    """Delete ids that no topic can bring again; return how many."""
    return (await connection.execute(delete(inbox).where(inbox.c.taken_at < now - KEPT))).rowcount
