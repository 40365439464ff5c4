"""Deliveries in SQLite or PostgreSQL (SQLAlchemy)."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.domain.delivery import Change, Delivery, State, Template
from services.notifier.tables import DELIVERIES, INBOX, IS_QUEUED, OUTBOX
from services.runtime.database import Database
from services.runtime.inbox import first_time, forget_old
from services.runtime.outbox import Event, tell
from services.runtime.randomness import Randomness

PROCESS = "notifier"

EventOf = Callable[[Delivery, Change], Event]

_FIELDS = [DELIVERIES.c[field.name] for field in fields(Delivery)]


class SqlWork:
    """One transaction."""

    def __init__(self, connection: AsyncConnection, event_of: EventOf, ids: Randomness, worker: str) -> None:
        self._connection = connection
        self._event_of = event_of
        self._ids = ids
        self._worker = worker

    async def first_time(self, event_id: str, now: datetime) -> bool:
        """Note that an event was taken; False where it was before."""
        return await first_time(self._connection, INBOX, event_id, now)

    async def add(self, delivery: Delivery) -> None:
        """Store a new delivery; one that is there stays as it is."""
        dialect = postgresql if self._connection.dialect.name == "postgresql" else sqlite
        await self._connection.execute(
            dialect.insert(DELIVERIES).values(**asdict(delivery)).on_conflict_do_nothing()
        )

    async def claim(self, now: datetime, until: datetime, limit: int) -> Sequence[Delivery]:
        """Return due deliveries, which no other worker gets before `until`."""
        due = (
            select(DELIVERIES.c.message_id)
            .where(IS_QUEUED, DELIVERIES.c.due_at <= now)
            .order_by(DELIVERIES.c.due_at)
            .limit(limit)
        )
        if self._connection.dialect.name == "postgresql":
            due = due.with_for_update(skip_locked=True)
        claimed = (
            update(DELIVERIES)
            .where(DELIVERIES.c.message_id.in_(due))
            .values(due_at=until, claimed_by=self._worker)
            .returning(*_FIELDS)
        )
        return [_delivery(row) for row in await self._connection.execute(claimed)]

    async def replace(self, delivery: Delivery) -> bool:
        """Store how a queued delivery stands; False where it had ended already."""
        statement = (
            update(DELIVERIES)
            .where(DELIVERIES.c.message_id == delivery.message_id, IS_QUEUED)
            .values(**asdict(delivery), claimed_by=None)
            .returning(DELIVERIES.c.message_id)
        )
        return (await self._connection.execute(statement)).first() is not None

    async def returned(self, token: str) -> Delivery | None:
        """Return the delivery whose return address has this token, held back from others until the end."""
        wanted = select(*_FIELDS).where(DELIVERIES.c.return_token == token).with_for_update()
        row = (await self._connection.execute(wanted)).first()
        return None if row is None else _delivery(row)

    async def sent_by(self, service: str, since: datetime, limit: int) -> Sequence[Delivery]:
        """Return mails that a service took since then and of which nothing more is known, newest first."""
        mine = (DELIVERIES.c.held_by == service) & (DELIVERIES.c.state == State.SENT.value)
        wanted = select(*_FIELDS).where(mine, DELIVERIES.c.ended_at > since)
        rows = await self._connection.execute(wanted.order_by(DELIVERIES.c.ended_at.desc()).limit(limit))
        return [_delivery(row) for row in rows]

    async def settle(self, delivery: Delivery) -> None:
        """Store how a delivery stands that `returned` gave."""
        mine = DELIVERIES.c.message_id == delivery.message_id
        await self._connection.execute(update(DELIVERIES).where(mine).values(state=delivery.state))

    async def tell(self, delivery: Delivery, change: Change) -> None:
        """Put the news into the outbox."""
        await tell(self._connection, OUTBOX, PROCESS, self._event_of(delivery, change), self._ids.uuid7())

    async def release(self) -> None:
        """Make due what this worker held when it died."""
        mine = (DELIVERIES.c.claimed_by == self._worker) & IS_QUEUED
        await self._connection.execute(
            update(DELIVERIES).where(mine).values(due_at=DELIVERIES.c.made_at, claimed_by=None)
        )

    async def forget(self, now: datetime, kept: timedelta) -> int:
        """Delete deliveries that ended longer ago, and old event ids; return how many deliveries."""
        gone = await self._connection.execute(delete(DELIVERIES).where(DELIVERIES.c.ended_at < now - kept))
        await forget_old(self._connection, INBOX, now)
        return gone.rowcount


class SqlStore:
    """The database of notifier."""

    def __init__(self, database: Database, event_of: EventOf, ids: Randomness, worker: str) -> None:
        self._database = database
        self._event_of = event_of
        self._ids = ids
        self._worker = worker

    @asynccontextmanager
    async def begin(self, name: str) -> AsyncIterator[SqlWork]:
        """Begin a transaction under a name; commit at the exit, roll back on any error."""
        async with self._database.begin(name) as connection:
            yield SqlWork(connection, self._event_of, self._ids, self._worker)


def _delivery(row: Row[Any]) -> Delivery:
    columns = dict(row._mapping)
    return Delivery(**columns | {"template": Template(row.template), "state": State(row.state)})
