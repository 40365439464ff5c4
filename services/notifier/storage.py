"""Deliveries in SQLite or PostgreSQL (SQLAlchemy)."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier import statements
from services.notifier.domain.delivery import Change, Delivery, State, Template
from services.notifier.tables import INBOX, OUTBOX
from services.runtime.database import Database
from services.runtime.inbox import first_time, forget_old
from services.runtime.outbox import Event, tell
from services.runtime.randomness import Randomness

PROCESS = "notifier"

EventOf = Callable[[Delivery, Change], Event]


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
        await self._connection.execute(statements.ADD[self._connection.dialect.name], vars(delivery))

    async def claim(self, now: datetime, until: datetime, limit: int) -> Sequence[Delivery]:
        """Return due deliveries, which no other worker gets before `until`."""
        statement = statements.CLAIM[self._connection.dialect.name]
        wanted = {"now": now, "until": until, "most": limit, "worker": self._worker}
        return [_delivery(row) for row in await self._connection.execute(statement, wanted)]

    async def replace(self, delivery: Delivery) -> bool:
        """Store how a queued delivery stands; False where it had ended already."""
        stands = {"row": delivery.message_id, "claimed_by": None} | vars(delivery)
        return (await self._connection.execute(statements.REPLACE, stands)).first() is not None

    async def returned(self, token: str) -> Delivery | None:
        """Return the delivery whose return address has this token, held back from others until the end."""
        row = (await self._connection.execute(statements.RETURNED, {"token": token})).first()
        return None if row is None else _delivery(row)

    async def sent_by(self, service: str, since: datetime, limit: int) -> Sequence[Delivery]:
        """Return mails that a service took since then and of which nothing more is known, newest first."""
        wanted = {"service": service, "since": since, "most": limit}
        return [_delivery(row) for row in await self._connection.execute(statements.SENT_BY, wanted)]

    async def settle(self, delivery: Delivery) -> None:
        """Store how a delivery stands that `returned` gave."""
        stands = {"row": delivery.message_id, "state": delivery.state}
        await self._connection.execute(statements.SETTLE, stands)

    async def tell(self, delivery: Delivery, change: Change) -> None:
        """Put the news into the outbox."""
        await tell(self._connection, OUTBOX, PROCESS, self._event_of(delivery, change), self._ids.uuid7())

    async def release(self) -> None:
        """Make due what this worker held when it died."""
        await self._connection.execute(statements.RELEASE, {"worker": self._worker})

    async def forget(self, now: datetime, kept: timedelta) -> int:
        """Delete deliveries that ended longer ago, and old event ids; return how many deliveries."""
        gone = await self._connection.execute(statements.FORGET, {"before": now - kept})
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
