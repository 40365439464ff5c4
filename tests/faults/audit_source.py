"""Events for audit as a service tells them: by the outbox and its relay, in transactions of their own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from smartcard_unlock.card_gateway.v1 import card_gateway_events_pb2
from smartcard_unlock.common.v1 import common_pb2
from sqlalchemy import MetaData

from services.runtime.database import Database
from services.runtime.outbox import Event, OutboxRelay, outbox_tables, tell
from services.runtime.randomness import SystemRandomness

TOPIC = "card_gateway.events.v1"
SOURCE = "card_gateway"
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
EVENTS_A_TRANSACTION = 20


class Source:
    """Tells the facts of unlock sessions: one outcome and one start for each."""

    def __init__(self, database: Database, outbox: object) -> None:
        self._database = database
        self._outbox = outbox
        self._ids = SystemRandomness()
        self.told: set[str] = set()

    async def tell(self, sessions: int, pause: float = 0.0) -> None:
        """Tell of that many sessions, two events each."""
        for start in range(0, sessions, EVENTS_A_TRANSACTION // 2):
            async with self._database.begin("test.tell") as connection:
                for number in range(start, min(start + EVENTS_A_TRANSACTION // 2, sessions)):
                    for event in session_events(self._ids.uuid7(), number):
                        ce_id = self._ids.uuid7()
                        await tell(connection, self._outbox, SOURCE, event, ce_id)  # type: ignore[arg-type]
                        self.told.add(ce_id)
            await asyncio.sleep(pause)


def session_events(session_id: str, number: int) -> list[Event]:
    """A start and a SUCCESS."""
    started = card_gateway_events_pb2.SessionStarted(session_id=session_id)
    ended = common_pb2.SessionOutcome(
        session_id=session_id,
        kind=common_pb2.OUTCOME_KIND_SUCCESS,
        reason=common_pb2.REASON_LOCKED,
        route=common_pb2.ROUTE_SELF,
        card_ref=f"{number:032x}",
        actor=common_pb2.Actor(kind=common_pb2.ACTOR_KIND_HOLDER, ref=f"{number:032x}"),
    )
    ended.occurred_at.FromDatetime(NOON)
    return [Event(TOPIC, session_id, message, NOON) for message in (started, ended)]


@asynccontextmanager
async def source(folder: Path, bootstrap: str) -> AsyncIterator[Source]:
    """A service's database with an outbox, and its relay at work."""
    metadata = MetaData()
    outbox, position = outbox_tables(metadata)
    database = Database(f"sqlite+aiosqlite:///{folder / 'source.db'}")
    async with database.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    relay = asyncio.create_task(OutboxRelay(database, outbox, position, SOURCE, bootstrap).run())
    try:
        yield Source(database, outbox)
    finally:
        relay.cancel()
        await asyncio.gather(relay, return_exceptions=True)
        await database.close()
