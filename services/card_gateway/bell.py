"""Wakes whoever waits for a session: at once in the replica that changed it, within a second in others.

No database connection is held while waiting, and one query a second serves all who wait.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from sqlalchemy import select

from services.card_gateway import tables
from services.runtime import logs
from services.runtime.clock import Clock
from services.runtime.database import Database, TransientDatabaseError

LOOK_EVERY = 1.0
"""Seconds between two looks at what other replicas changed."""

LOOK_BACK = timedelta(seconds=10)
"""Clocks of replicas may differ, and a transaction may last, for so long without a change being missed."""

log = logs.logger("bell")


class BellEar:
    """One waiter. Keeps the contract of `ports.Ear`."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake it, now or at its next wait."""
        self._rung.set()

    async def wait(self, seconds: float) -> bool:
        """Wait until the session changes; True if it did."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        rung = self._rung.is_set()
        self._rung.clear()
        return rung


class ProcessBell:
    """Keeps the contract of `ports.Bell` for the waiters of this process."""

    def __init__(self) -> None:
        self._ears: defaultdict[str, set[BellEar]] = defaultdict(set)
        self.closed = False

    @contextmanager
    def listen(self, session_id: str) -> Iterator[BellEar]:
        """Listen from now on; a change between two waits is not missed."""
        ear = BellEar()
        self._ears[session_id].add(ear)
        try:
            yield ear
        finally:
            self._ears[session_id].discard(ear)
            if not self._ears[session_id]:
                del self._ears[session_id]

    def ring(self, session_id: str) -> None:
        """Say that a session changed."""
        for ear in self._ears.get(session_id, ()):
            ear.ring()

    def close(self) -> None:
        """Let all who wait go with what there is: the process stops, and another will answer them."""
        self.closed = True
        for ears in self._ears.values():
            for ear in ears:
                ear.ring()


class OtherReplicas:
    """Rings for what other replicas changed."""

    def __init__(self, database: Database, bell: ProcessBell, clock: Clock) -> None:
        self._database = database
        self._bell = bell
        self._clock = clock
        self._known: dict[str, int] = {}

    async def run(self) -> None:
        """Look for ever. On SQLite there are no others, and nothing to look for."""
        if not self._database.is_postgresql:
            await asyncio.Event().wait()
        while True:
            with suppress(TransientDatabaseError):
                await self.look()
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Ring for each session whose version is new since the last look."""
        table = tables.sessions
        recent = table.c.changed_at > self._clock.now() - LOOK_BACK
        async with self._database.read() as connection:
            found = await connection.execute(select(table.c.session_id, table.c.version).where(recent))
            versions = {row.session_id: row.version for row in found}
        for session_id, version in versions.items():
            if self._known.get(session_id) != version:
                self._bell.ring(session_id)
        self._known = versions
