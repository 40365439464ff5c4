"""Which agents are there: kept in memory, written down in batches beside the request path.

A change of readers is written at once (its page may wait at another replica); that an agent is
still there is written every few seconds for a claimed session, and rarely for one on offer.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, update

from services.card_gateway import tables
from services.card_gateway.domain.readers import ReaderState, Sighting
from services.card_gateway.domain.session import UNCLAIMED
from services.card_gateway.use_cases.commits import NOTE_ATTENDANCE
from services.runtime.clock import Clock
from services.runtime.database import Database, TransientDatabaseError

LOOK_EVERY = 1.0
"""Seconds between two batches while no reader changes."""

NOTED_EVERY = {True: timedelta(seconds=10), False: timedelta(seconds=45)}
"""By claimed: how old a note may grow. AGENT_AWAY is judged at 35 s, an offer deleted at 120 s."""

_ID = tables.sessions.c.session_id == bindparam("id")
_NOTE = {
    changed: update(tables.sessions)
    .where(_ID)
    .values(
        reader=bindparam("now_reader"),
        seen_at=bindparam("now_seen"),
        **(
            {"version": tables.sessions.c.version + 1, "changed_at": bindparam("now_seen")} if changed else {}
        ),
    )
    for changed in (True, False)
}


@dataclass
class _Agent:
    reader: ReaderState
    seen_at: datetime
    claimed: bool
    calls: int = 0
    """Calls that are open now: an agent in a poll is there."""
    noted_reader: ReaderState | None = None
    noted_at: datetime | None = None


class ProcessAttendance:
    """Keeps the contract of `ports.Attendance` for the agents that call this process."""

    def __init__(self, database: Database, clock: Clock, ring: Callable[[str], None]) -> None:
        self._database = database
        self._clock = clock
        self._ring = ring
        self._agents: dict[str, _Agent] = {}
        self._changed = asyncio.Event()

    @contextmanager
    def here(self, session_id: str, reader: ReaderState, *, claimed: bool) -> Iterator[None]:
        """An agent calls, for as long as the block runs."""
        now = self._clock.now()
        agent = self._agents.setdefault(session_id, _Agent(reader, now, claimed))
        if agent.reader is not reader or agent.noted_reader is None:
            self._changed.set()
        agent.reader, agent.seen_at, agent.claimed = reader, now, claimed
        agent.calls += 1
        try:
            yield
        finally:
            agent.calls -= 1
            agent.seen_at = self._clock.now()

    def sighting(self, session_id: str, stored: Sighting) -> Sighting:
        """The newer of what is stored and what this process knows itself."""
        agent = self._agents.get(session_id)
        if agent is None:
            return stored
        seen_at = self._clock.now() if agent.calls else agent.seen_at
        return stored if stored.seen_at > seen_at else Sighting(agent.reader, seen_at)

    def saw(self, session_id: str, since: datetime) -> bool:
        """True where this process heard of the agent after `since`, or hears it now."""
        agent = self._agents.get(session_id)
        return agent is not None and (agent.calls > 0 or agent.seen_at > since)

    async def run(self) -> None:
        """Write notes for ever."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._changed.wait()
            self._changed.clear()
            with suppress(TransientDatabaseError):
                await self.note()

    async def note(self) -> None:
        """Write what is new, in one transaction, and wake the pages whose reader changed."""
        now = self._clock.now()
        due = {key: agent for key, agent in self._agents.items() if self._is_due(agent, now)}
        moved = [key for key, agent in due.items() if agent.reader is not agent.noted_reader]
        if due:
            written = {
                key: (agent.reader, now if agent.calls else agent.seen_at) for key, agent in due.items()
            }
            await self._write(written, set(moved))
            for key, (reader, _) in written.items():
                due[key].noted_reader, due[key].noted_at = reader, now
        for session_id in moved:
            self._ring(session_id)
        self._forget(now)

    async def _write(self, written: dict[str, tuple[ReaderState, datetime]], moved: set[str]) -> None:
        rows: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
        # Always in the same order, so that two replicas' batches cannot lock each other out.
        for key, (reader, seen_at) in sorted(written.items()):
            rows[key in moved].append({"id": key, "now_reader": reader.value, "now_seen": seen_at})
        async with self._database.begin(NOTE_ATTENDANCE) as connection:
            for changed, batch in rows.items():
                if batch:
                    await connection.execute(_NOTE[changed], batch)

    def _is_due(self, agent: _Agent, now: datetime) -> bool:
        if agent.reader is not agent.noted_reader or agent.noted_at is None:
            return True
        unwritten = agent.calls > 0 or agent.seen_at > agent.noted_at
        return unwritten and now - agent.noted_at >= NOTED_EVERY[agent.claimed]

    def _forget(self, now: datetime) -> None:
        gone = [
            key for key, agent in self._agents.items() if not agent.calls and now - agent.seen_at > UNCLAIMED
        ]
        for key in gone:
            del self._agents[key]
