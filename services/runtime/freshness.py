"""Does a database know all that its service has told? After a restore from an older copy it does not.

Asked of Kafka at every start, until it has answered, and again when the relay's own position goes back
under a running process. Nothing is told before that, and nothing done that must not be done twice.
"""

import asyncio
import functools

from aiokafka.errors import KafkaError
from sqlalchemy import Table, select

from services.runtime import logs, process, told
from services.runtime.brokers import Brokers
from services.runtime.database import Database, TransientDatabaseError

EVERY = 2.0
"""Seconds between two looks: how late a catch-up, or a copy put under a running process, is seen."""

DATABASE_BEHIND = "DATABASE_BEHIND"
"""What callers hear while it is not known that the database holds all that was told."""

COME_AGAIN = 2.0
"""Seconds until a call may succeed: Kafka was asked by then."""

log = logs.logger("freshness")


class TopicFreshness:
    """Compares the highest number on the topic with the highest that the database gave."""

    def __init__(
        self, database: Database, brokers: Brokers | str, position: Table, topic: str, source: str
    ) -> None:
        """`position`: the relay's, of this source; `topic`: where every change of its database is told."""
        self._database = database
        self._brokers = brokers
        self._position_on = select(position.c.relayseq).where(position.c.topic == topic)
        self._topic, self._source = topic, source
        self._asking = asyncio.Lock()
        self._seen = 0
        """The highest position this process has seen: it never goes back by itself."""
        self._told = 0
        """What the topic had when it was last asked and the database did not know it."""
        self._current = asyncio.Event()

    @property
    def is_current(self) -> bool:
        """True once the database is known to hold all that was told."""
        return self._current.is_set()

    async def look(self) -> bool:
        """Ask where it has to be asked; True where all that was told is known.

        Raises KafkaError, OSError or TransientDatabaseError where nobody can say.
        """
        async with self._asking:
            known = await self._position()
            if known < self._seen:
                self._current.clear()
                self._told = 0
            self._seen = known
            if not self.is_current and known >= self._told:
                await self._ask()
            return self.is_current

    async def look_once(self) -> None:
        """Look, whatever is away: at a start, so that who calls at once is answered at once."""
        try:
            await self.look()
        except (KafkaError, OSError, TransientDatabaseError) as error:
            log.warning("freshness_waits", cause=type(error).__name__)

    async def run(self) -> None:
        """Look again and again, whatever is away."""
        while True:
            await self.look_once()
            await asyncio.sleep(EVERY)

    def before(self, task: process.Task) -> process.Task:
        """Return a task that waits until the database is current, and ends where it is no longer.

        A task that ends, ends its process: started anew, it waits.
        """

        @functools.wraps(task.func if isinstance(task, functools.partial) else task)
        async def waiting() -> None:
            await self._current.wait()
            running = asyncio.ensure_future(task())
            try:
                while not running.done() and self.is_current:
                    await asyncio.wait([running], timeout=0.5)
                if running.done():
                    await running
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

        return waiting

    async def _ask(self) -> None:
        """The topic first: whatever is on it then was written down here before."""
        highest = await told.highest_told(self._brokers, self._topic, self._source)
        known = await self._position()
        self._told = highest
        if highest <= known:
            self._current.set()
            log.info("database_is_current", told=highest, known=known)
        else:
            log.error(
                "database_is_behind", told=highest, known=known, runbook="database-restored, vault-restored"
            )

    async def _position(self) -> int:
        async with self._database.read() as connection:
            return int(await connection.scalar(self._position_on) or 0)
