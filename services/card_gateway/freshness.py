"""Does the database know all that the gateway has told? After a restore from an older copy it does not.

Asked of Kafka at every start, until it has answered, and again when the relay's own position goes back
under a running process. Nothing is told and no reset begun before that. Keeps `ports.Freshness`.
"""

import asyncio

from aiokafka.errors import KafkaError
from sqlalchemy import select

from services.card_gateway.events import TOPIC
from services.card_gateway.storage import SOURCE
from services.card_gateway.tables import outbox_position
from services.runtime import logs, told
from services.runtime.brokers import Brokers
from services.runtime.database import Database, TransientDatabaseError

EVERY = 2.0
"""Seconds between two looks: how late a catch-up, or a copy put under a running process, is seen."""

_POSITION = select(outbox_position.c.relayseq).where(outbox_position.c.topic == TOPIC)

log = logs.logger("freshness")


class TopicFreshness:
    """Compares the highest number on the topic with the highest that the database gave."""

    def __init__(self, database: Database, brokers: Brokers | str) -> None:
        self._database = database
        self._brokers = brokers
        self._asking = asyncio.Lock()
        self._seen = 0
        """The highest position this process has seen: it never goes back by itself."""
        self._told = 0
        """What the topic had when it was last asked and the database did not know it."""
        self._is_current = False

    @property
    def is_current(self) -> bool:
        """True once the database is known to hold all that was told."""
        return self._is_current

    async def look(self) -> bool:
        """Ask where it has to be asked; True where all that was told is known.

        Raises KafkaError, OSError or TransientDatabaseError where nobody can say.
        """
        async with self._asking:
            known = await self._position()
            if known < self._seen:
                self._is_current, self._told = False, 0
            self._seen = known
            if not self._is_current and known >= self._told:
                await self._ask()
            return self._is_current

    async def run(self) -> None:
        """Look again and again, whatever is away."""
        while True:
            try:
                await self.look()
            except (KafkaError, OSError, TransientDatabaseError) as error:
                log.warning("freshness_waits", cause=type(error).__name__)
            await asyncio.sleep(EVERY)

    async def _ask(self) -> None:
        """The topic first: whatever is on it then was written down here before."""
        highest = await told.highest_told(self._brokers, TOPIC, SOURCE)
        known = await self._position()
        self._is_current, self._told = highest <= known, highest
        if self._is_current:
            log.info("vault_is_current", told=highest, known=known)
        else:
            log.error("vault_is_behind", told=highest, known=known, runbook="vault-restored")

    async def _position(self) -> int:
        async with self._database.read() as connection:
            return int(await connection.scalar(_POSITION) or 0)
