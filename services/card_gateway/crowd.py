"""How many sessions are on offer, so that a flood of them fills neither the database nor the codes' space.

Counted in the database every ten seconds, and by this process in between: the bound may be exceeded by
what other replicas took in that time.
"""

from datetime import timedelta

from sqlalchemy import func, select

from services.card_gateway import tables
from services.card_gateway.domain.words import State
from services.runtime.clock import Clock
from services.runtime.database import Database

COUNTED_FOR = timedelta(seconds=10)
"""How long a count is used: counting 10,000 takes some 13 ms on SQLite."""


class SqlCrowd:
    """Keeps the contract of `ports.Crowd`."""

    def __init__(self, database: Database, clock: Clock, most: int) -> None:
        self._database, self._clock, self._most = database, clock, most
        on_offer = select(tables.sessions.c.session_id).where(tables.sessions.c.state == State.NEW.value)
        self._counted = select(func.count()).select_from(on_offer.limit(most).subquery())
        self._count = 0
        self._counted_at = clock.now() - COUNTED_FOR

    async def takes_one_more(self) -> bool:
        """Count one more session on offer; False where there are too many already."""
        now = self._clock.now()
        if abs(now - self._counted_at) >= COUNTED_FOR:
            self._counted_at = now
            async with self._database.read() as connection:
                self._count = int((await connection.execute(self._counted)).scalar_one())
        if self._count >= self._most:
            return False
        self._count += 1
        return True
