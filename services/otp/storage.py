"""The ports on SQLAlchemy Core: PostgreSQL and SQLite.

One row a holder, the ledger, is the lock under which everything about the holder's codes is
judged; it holds the wrong entries too, so that a redeem is four statements.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from sqlalchemy import Executable, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.otp import statements
from services.otp.domain.code import Bearer, Code, Delivery
from services.otp.domain.ended_lock import EndedLock
from services.otp.domain.facts import Fact
from services.otp.domain.issue import Recent
from services.otp.domain.spread import Alarm, Scope, WrongEntryAt
from services.otp.domain.tally import Ledger
from services.otp.rows import (
    code_of,
    ended_of,
    ledger_of,
    row_of,
    row_of_ended,
    row_of_ledger,
    state_of,
)
from services.otp.tables import codes, ended_locks, inbox, outbox, told_alarms, told_outcomes, wrong_entries
from services.runtime.database import Database
from services.runtime.inbox import first_time, forget_old
from services.runtime.outbox import Event, tell_all
from services.runtime.randomness import Randomness

PROCESS = "otp"

CODES_KEPT = timedelta(hours=24)
"""Source: architecture §7."""

OUTCOMES_KEPT = timedelta(days=30)
"""As long as the sessions they are of. Source: architecture §7."""

ENDED_KEPT = timedelta(days=400)
"""As long as the records that tell them. Source: architecture §7."""


class SqlView:
    """Reads without a lock."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def ledger(self, holder_ref: str) -> Ledger:
        """Return the holder's wrong entries as they stand."""
        found = (await self._connection.execute(statements.LEDGER, {"holder_ref": holder_ref})).scalar()
        return ledger_of(found or {})

    async def codes_of(self, session_id: str) -> Sequence[Code]:
        """Return the codes of a session, oldest first."""
        rows = await self._connection.execute(statements.CODES_OF, {"session_id": session_id})
        return [code_of(row) for row in rows]

    async def ledger_known(self, holder_ref: str) -> Ledger | None:
        """Return the holder's ledger with the organisation; None for who has not been here."""
        return await self._known(statements.LEDGER_KNOWN, holder_ref)

    async def ended_locks(self, holder_ref: str, organisation: str) -> Sequence[EndedLock]:
        """Return the locks that RAs of this organisation ended, the newest first."""
        wanted = {"holder_ref": holder_ref, "organisation": organisation}
        return [ended_of(row) for row in await self._connection.execute(statements.ENDED, wanted)]

    async def _known(self, statement: Executable, holder_ref: str) -> Ledger | None:
        row = (await self._connection.execute(statement, {"holder_ref": holder_ref})).first()
        return None if row is None else ledger_of(row.cards, row.organisation)


class SqlWork(SqlView):
    """One write transaction."""

    def __init__(
        self, connection: AsyncConnection, event_of: Callable[[Fact], Event], randomness: Randomness
    ) -> None:
        super().__init__(connection)
        self._event_of = event_of
        self._randomness = randomness

    async def lock(self, holder_ref: str, organisation: str) -> Ledger:
        """Lock the holder's row, made where it is missing; return its ledger. One statement."""
        locked = statements.LOCK[self._connection.dialect.name]
        new = {"holder_ref": holder_ref, "cards": {}, "organisation": organisation}
        return ledger_of((await self._connection.execute(locked, new)).scalar_one(), organisation)

    async def lock_known(self, holder_ref: str) -> Ledger | None:
        """Lock the holder's row where there is one; return its ledger."""
        return await self._known(statements.LOCK_KNOWN, holder_ref)

    async def recent(self, bearer: Bearer, organisation: str, network_ref: str, since: datetime) -> Recent:
        """Return the session's codes, and what was issued since then. One statement."""
        wanted = {
            "session_id": bearer.session_id,
            "holder_ref": bearer.holder_ref,
            "organisation": organisation,
            "network_ref": network_ref,
            "since": since,
        }
        rows = (await self._connection.execute(statements.RECENT, wanted)).all()
        found = [code_of(row) for row in rows if row.code_id is not None]
        return Recent(
            [code for code in found if code.bearer.session_id == bearer.session_id],
            [code for code in found if code.bearer.holder_ref == bearer.holder_ref],
            rows[0].of_network_ref if network_ref else 0,
            rows[0].of_organisation,
        )

    async def add(self, code: Code) -> None:
        """Store a new code."""
        await self._connection.execute(statements.ADD, row_of(code))

    async def replace(self, replaced: Sequence[Code]) -> None:
        """Store the state and use of codes that are there."""
        for code in replaced:
            # One at a time: there is hardly ever a second, and psycopg sends lists through a pipeline.
            await self._connection.execute(statements.REPLACE, {"row": code.code_id} | state_of(code))

    async def keep(self, holder_ref: str, ledger: Ledger) -> None:
        """Store the ledger of the holder that was locked."""
        await self._connection.execute(statements.KEEP, {"row": holder_ref, "cards": row_of_ledger(ledger)})

    async def keep_ended(self, ended: EndedLock) -> None:
        """Keep who ended a lock, when and why."""
        await self._connection.execute(statements.KEEP_ENDED, row_of_ended(ended))

    async def note_wrong(
        self, entry: WrongEntryAt, since: datetime, most: Mapping[Scope, int]
    ) -> Mapping[Scope, int]:
        """Store a wrong entry; return the cards that had one since then, each scope up to its most."""
        await self._connection.execute(statements.NOTE_WRONG, vars(entry))
        limits = {f"most_{scope.value.lower()}": limit for scope, limit in most.items()}
        wanted = {"organisation": entry.organisation, "network_ref": entry.network_ref, "since": since}
        counted = (await self._connection.execute(statements.WRONG_CARDS, wanted | limits)).one()
        return {scope: counted._mapping[scope.value.lower()] for scope in most}

    async def first_alarm(self, alarm: Alarm, now: datetime) -> bool:
        """Note that this alarm is told; False where it was before in this hour."""
        hour = now.replace(minute=0, second=0, microsecond=0)
        noted = statements.FIRST_ALARM[self._connection.dialect.name]
        row = {"scope": alarm.scope.value, "place": alarm.place, "hour": hour}
        return (await self._connection.execute(noted, row)).first() is not None

    async def first_outcome(self, session_id: str, kind: str, now: datetime) -> bool:
        """Note that this outcome is told; False where it was before."""
        noted = statements.FIRST_OUTCOME[self._connection.dialect.name]
        row = {"session_id": session_id, "kind": kind, "told_at": now}
        return (await self._connection.execute(noted, row)).first() is not None

    async def first_time(self, event_id: str, now: datetime) -> bool:
        """Note that an event was taken; False where it was before."""
        return await first_time(self._connection, inbox, event_id, now)

    async def delivered(self, code_id: str, delivery: Delivery, reason: str) -> None:
        """Store how the delivery of a code stands; a code that is gone is no fault."""
        stands = {"row": code_id, "delivery": delivery.value, "delivery_reason": reason}
        await self._connection.execute(statements.DELIVERED, stands)

    async def tell(self, *facts: Fact) -> None:
        """Put events into the outbox, in this order. One statement."""
        events = [(self._event_of(fact), self._randomness.uuid7()) for fact in facts]
        await tell_all(self._connection, outbox, PROCESS, events)

    async def forget(self, now: datetime, limit: int) -> int:
        """Delete at most `limit` codes past their keeping, and old ids; return how many codes."""
        old = select(codes.c.code_id).where(codes.c.issued_at < now - CODES_KEPT).limit(limit)
        gone = await self._connection.execute(delete(codes).where(codes.c.code_id.in_(old)))
        await self._connection.execute(
            delete(told_outcomes).where(told_outcomes.c.told_at < now - OUTCOMES_KEPT)
        )
        for instant in (wrong_entries.c.at, told_alarms.c.hour):
            await self._connection.execute(delete(instant.table).where(instant < now - CODES_KEPT))
        await self._connection.execute(delete(ended_locks).where(ended_locks.c.at < now - ENDED_KEPT))
        await forget_old(self._connection, inbox, now)
        return gone.rowcount


class SqlStore:
    """The database of otp."""

    def __init__(self, database: Database, event_of: Callable[[Fact], Event], randomness: Randomness) -> None:
        self._database = database
        self._event_of = event_of
        self._randomness = randomness

    @asynccontextmanager
    async def begin(self, name: str) -> AsyncIterator[SqlWork]:
        """Begin a transaction under a name; commit at the exit, roll back on any error."""
        async with self._database.begin(name) as connection:
            yield SqlWork(connection, self._event_of, self._randomness)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[SqlView]:
        """Read without a lock; nothing is committed."""
        async with self._database.read() as connection:
            yield SqlView(connection)
