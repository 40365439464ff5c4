"""The gateway's books in SQL: SQLite and PostgreSQL by the same statements.

Every statement of a journey is one probe by primary key or index.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Table, and_, bindparam, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from services.card_gateway import rows, tables
from services.card_gateway.domain.budget import Secret
from services.card_gateway.domain.facts import Fact
from services.card_gateway.domain.journal import Rotation
from services.card_gateway.domain.pairing import Pairing
from services.card_gateway.domain.session import Session
from services.card_gateway.domain.step import RESETS, Step
from services.card_gateway.domain.words import State
from services.card_gateway.ports import RegisteredCard
from services.runtime.clock import Clock
from services.runtime.database import Database, TransientDatabaseError
from services.runtime.outbox import Event, tell
from services.runtime.randomness import Randomness

SOURCE = "card_gateway"

_SESSION = select(tables.sessions).where(tables.sessions.c.session_id == bindparam("id"))
_LOCK_SESSION = _SESSION.with_for_update()  # SQLite, which has locked all of the database, leaves it out
_STEPS = (
    select(tables.steps).where(tables.steps.c.session_id == bindparam("id")).order_by(tables.steps.c.step_id)
)
_CARD = select(tables.cards).where(tables.cards.c.card_ref == bindparam("ref"))
_CARD_BY_GUID = select(tables.cards).where(tables.cards.c.guid == bindparam("guid"))
_SECRET = select(tables.secrets).where(tables.secrets.c.card_ref == bindparam("ref"))
_LOCK_SECRET = _SECRET.with_for_update()
_ROTATION = select(tables.rotations).where(tables.rotations.c.rotation_id == bindparam("id"))
_OPEN_ROTATION = (
    select(tables.rotations)
    .where(
        tables.rotations.c.card_ref == bindparam("ref"),
        # In the index's own words: with parameters neither database would see that it fits.
        tables.OPEN,
    )
    .with_for_update()
)
_FAILED = select(func.count()).where(
    tables.resets.c.card_ref == bindparam("ref"),
    tables.resets.c.sent_at > bindparam("since"),
    func.coalesce(tables.resets.c.result, "UNKNOWN").in_(["UNKNOWN", "FAILED"]),
)
_SENT_SINCE = select(func.count()).where(
    tables.resets.c.card_ref == bindparam("ref"),
    tables.resets.c.sent_at >= bindparam("since"),
    tables.resets.c.step_id != bindparam("step"),
)
_SENT = select(func.count()).where(tables.resets.c.card_ref == bindparam("ref"))
_LAST_RESET = (
    select(tables.resets.c.sent_at)
    .where(tables.resets.c.card_ref == bindparam("ref"), tables.resets.c.session_id == bindparam("id"))
    .order_by(tables.resets.c.sent_at.desc())
    .limit(1)
)
_ATTEMPT = select(tables.attempts.c.session_id).where(
    tables.attempts.c.call == bindparam("name"), tables.attempts.c.attempt_id == bindparam("id")
)
_UNSETTLED = (
    select(tables.sessions)
    .where(
        tables.sessions.c.card_ref == bindparam("ref"),
        tables.sessions.c.state.in_([State.RESETTING.value, State.UNKNOWN.value]),
        tables.sessions.c.session_id != bindparam("but"),
    )
    .order_by(tables.sessions.c.session_id)
    .with_for_update()
)
_PAIRING = select(tables.pairings)
_STORE_SESSION = update(tables.sessions).where(tables.sessions.c.session_id == bindparam("id"))


class SqlView:
    """Reads on one connection. Keeps the contract of `ports.View`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def session(self, session_id: str) -> Session | None:
        """The session, or None."""
        row = await self._one(_SESSION, id=session_id)
        return rows.session_of(row) if row else None

    async def steps(self, session_id: str) -> tuple[Step, ...]:
        """The session's steps that nobody has reported, oldest first."""
        found = (await self._connection.execute(_STEPS, {"id": session_id})).mappings()
        return tuple(rows.step_of(dict(row)) for row in found)

    async def card(self, card_ref: str) -> RegisteredCard | None:
        """The card of this reference, or None."""
        row = await self._one(_CARD, ref=card_ref)
        return RegisteredCard(**row) if row else None

    async def card_by_guid(self, guid: bytes) -> RegisteredCard | None:
        """The card with this identifier, or None."""
        row = await self._one(_CARD_BY_GUID, guid=guid)
        return RegisteredCard(**row) if row else None

    async def secret(self, card_ref: str) -> Secret | None:
        """What the vault knows of the card; None where it has no secret for it."""
        row = await self._one(_SECRET, ref=card_ref)
        return Secret(**row) if row else None

    async def failed_resets(self, card_ref: str, since: datetime) -> int:
        """Resets sent since then that failed or whose end nobody knows."""
        found = await self._connection.execute(_FAILED, {"ref": card_ref, "since": since})
        return int(found.scalar_one())

    async def sent_since(self, step: Step, card_ref: str) -> int:
        """Other resets that were sent to the card at the instant of this one, or later."""
        values = {"ref": card_ref, "step": step.step_id, "since": step.sent_at}
        return int((await self._connection.execute(_SENT_SINCE, values)).scalar_one())

    async def resets_sent(self, card_ref: str) -> int:
        """Resets that were ever sent to the card, whatever became of them."""
        return int((await self._connection.execute(_SENT, {"ref": card_ref})).scalar_one())

    async def last_reset_sent(self, card_ref: str, session_id: str) -> datetime | None:
        """When the session's newest reset was sent; None where none was, or where one waits unsent."""
        if any(step.kind in RESETS and step.sent_at is None for step in await self.steps(session_id)):
            return None
        sent = await self._connection.execute(_LAST_RESET, {"ref": card_ref, "id": session_id})
        return next(iter(sent.scalars()), None)

    async def rotation(self, rotation_id: str) -> Rotation | None:
        """A row of the journal."""
        row = await self._one(_ROTATION, id=rotation_id)
        return rows.rotation_of(row) if row else None

    async def attempted(self, call: str, attempt_id: str) -> str | None:
        """The session this attempt of a call succeeded in; None where it was never made."""
        found = (await self._connection.execute(_ATTEMPT, {"name": call, "id": attempt_id})).scalar()
        return None if found is None else str(found)

    async def _one(self, statement: Any, **values: Any) -> dict[str, Any] | None:
        row = (await self._connection.execute(statement, values)).mappings().first()
        return None if row is None else dict(row)


class SqlWork(SqlView):
    """One write transaction. Keeps the contract of `ports.Work`."""

    def __init__(
        self,
        connection: AsyncConnection,
        clock: Clock,
        randomness: Randomness,
        to_event: Callable[[Fact], Event],
    ) -> None:
        super().__init__(connection)
        self._clock = clock
        self._randomness = randomness
        self._to_event = to_event
        self.changed: set[str] = set()
        """Sessions whose waiters are to be woken once this has committed."""

    async def lock_session(self, session_id: str) -> Session | None:
        """The session, which nobody else changes until the end."""
        row = await self._one(_LOCK_SESSION, id=session_id)
        return rows.session_of(row) if row else None

    async def add_session(self, session: Session) -> None:
        """Store a new session."""
        row = rows.row_of_session(session, self._clock.now())
        row |= {"reader": session.sighting.reader.value, "seen_at": session.sighting.seen_at}
        await self._connection.execute(insert(tables.sessions), row)

    async def store(self, before: Session, after: Session) -> Session:
        """Store a session that was locked, under the next version; wakes whoever waits for it."""
        stored = replace(after, version=before.version + 1)
        row = rows.row_of_session(stored, self._clock.now())
        await self._connection.execute(_STORE_SESSION, row | {"id": row.pop("session_id")})
        self.changed.add(stored.session_id)
        return stored

    async def delete_session(self, session_id: str) -> None:
        """Forget a session and all that belongs to it but its journal."""
        for table in (tables.pairings, tables.steps, tables.attempts, tables.sessions):
            await self._connection.execute(delete(table).where(table.c.session_id == session_id))
        self.changed.add(session_id)

    async def delete_unclaimed(self, session_ids: Sequence[str], seen_before: datetime) -> int:
        """Forget these sessions where they are NEW and not seen since; those that others hold stay.

        Taken in the order of their ids, without waiting: whoever claims or renews one goes first.
        """
        table = tables.sessions
        still = and_(table.c.state == State.NEW.value, table.c.seen_at <= seen_before)
        chosen = select(table.c.session_id).where(table.c.session_id.in_(session_ids), still)
        chosen = chosen.order_by(table.c.session_id).with_for_update(skip_locked=True)
        gone = delete(table).where(table.c.session_id.in_(chosen)).returning(table.c.session_id)
        deleted = (await self._connection.execute(gone)).scalars().all()
        for other in (tables.pairings, tables.attempts):
            await self._connection.execute(delete(other).where(other.c.session_id.in_(deleted)))
        self.changed.update(deleted)
        return len(deleted)

    async def add_pairing(self, pairing: Pairing) -> None:
        """Store an offer."""
        await self._connection.execute(insert(tables.pairings), asdict(pairing))

    async def find_pairing(self, *, token_digest: bytes = b"", code_digest: bytes = b"") -> Pairing | None:
        """The offer with this digest; the newest of a code. None where a code means two live sessions."""
        column, digest = (
            (tables.pairings.c.token_digest, token_digest)
            if token_digest
            else (tables.pairings.c.code_digest, code_digest)
        )
        chosen = _PAIRING.where(column == digest).order_by(tables.pairings.c.expires_at.desc()).limit(2)
        found = [Pairing(**row) for row in (await self._connection.execute(chosen)).mappings()]
        if len({pairing.session_id for pairing in found}) != 1:
            return None
        return found[0]

    async def wrong_guesses(self, source: bytes, window: datetime) -> int:
        """Wrong codes of a source in a window."""
        table = tables.guesses
        chosen = select(table.c.wrong).where(table.c.source == source, table.c.window == window)
        return int((await self._connection.execute(chosen)).scalar() or 0)

    async def count_guess(self, source: bytes, window: datetime) -> None:
        """Count one more."""
        table = tables.guesses
        one = _insert(table, self._connection.dialect.name).values(source=source, window=window, wrong=1)
        more = one.on_conflict_do_update(
            index_elements=["source", "window"], set_={"wrong": table.c.wrong + 1}
        )
        await self._connection.execute(more)

    async def put_step(self, step: Step) -> None:
        """Store a step, new or changed."""
        await self._put(tables.steps, rows.row_of_step(step))

    async def drop_step(self, step_id: str) -> None:
        """Forget a step, and the sealed PIN with it."""
        await self._connection.execute(delete(tables.steps).where(tables.steps.c.step_id == step_id))

    async def lock_secret(self, card_ref: str) -> Secret | None:
        """What the vault knows of the card, which nobody else changes until the end."""
        row = await self._one(_LOCK_SECRET, ref=card_ref)
        return Secret(**row) if row else None

    async def store_secret(self, secret: Secret) -> None:
        """Store a secret's version and counters."""
        await self._put(tables.secrets, asdict(secret))

    async def open_rotation(self, card_ref: str) -> Rotation | None:
        """The card's one open row of the journal, or None."""
        row = await self._one(_OPEN_ROTATION, ref=card_ref)
        return rows.rotation_of(row) if row else None

    async def put_rotation(self, row: Rotation) -> None:
        """Store a row. A second open row of a card is a defect, and the database refuses it."""
        await self._put(tables.rotations, rows.row_of_rotation(row))

    async def begin_reset(self, step: Step, card_ref: str, now: datetime) -> None:
        """Count a reset that is sent now, failed until it is judged."""
        row: dict[str, Any] = {"step_id": step.step_id, "card_ref": card_ref, "session_id": step.session_id}
        row |= {"kind": step.kind.value, "sent_at": now, "result": None}
        await self._connection.execute(insert(tables.resets), row)

    async def end_reset(self, step_id: str, result: str) -> None:
        """Write down how a reset was judged: the holder's side of the verdict."""
        mine = tables.resets.c.step_id == step_id
        await self._connection.execute(update(tables.resets).where(mine).values(result=result))

    async def unsettled_sessions(self, card_ref: str, but: str) -> tuple[Session, ...]:
        """Other sessions of the card that are RESETTING or UNKNOWN, locked."""
        found = (await self._connection.execute(_UNSETTLED, {"ref": card_ref, "but": but})).mappings()
        return tuple(rows.session_of(dict(row)) for row in found)

    async def spend(self, jti: str, session_id: str, expires_at: datetime) -> bool:
        """Mark a grant as spent; False where it was, by any replica, ever."""
        row = {"jti": jti, "session_id": session_id, "expires_at": expires_at}
        return await self._insert_new(tables.spent_grants, row)

    async def remember(self, call: str, attempt_id: str, session_id: str, now: datetime) -> None:
        """Remember that this attempt of a call succeeded."""
        row = {"call": call, "attempt_id": attempt_id, "session_id": session_id, "made_at": now}
        if not await self._insert_new(tables.attempts, row):
            # A twin of this call was faster: the next run finds what it did.
            raise TransientDatabaseError

    async def tell(self, fact: Fact) -> None:
        """Tell of a fact, in this transaction."""
        event = self._to_event(fact)
        await tell(self._connection, tables.outbox, SOURCE, event, self._randomness.uuid7())

    async def _put(self, table: Table, row: dict[str, Any]) -> None:
        await self._connection.execute(_upsert(table, self._connection.dialect.name), row)

    async def _insert_new(self, table: Table, row: dict[str, Any]) -> bool:
        statement = _insert_new(table, self._connection.dialect.name)
        return (await self._connection.execute(statement, row)).first() is not None


@cache
def _upsert(table: Table, dialect: str) -> Any:
    """Insert a row or overwrite it, by its primary key. Built once: building is half the cost."""
    statement = _insert(table, dialect)
    key = next(iter(table.primary_key.columns))
    changes = {column.name: statement.excluded[column.name] for column in table.columns if column is not key}
    return statement.on_conflict_do_update(index_elements=[key.name], set_=changes)


@cache
def _insert_new(table: Table, dialect: str) -> Any:
    """Insert a row and return its key, or nothing where it was there. psycopg gives no rowcount here."""
    key = next(iter(table.primary_key.columns))
    return _insert(table, dialect).on_conflict_do_nothing().returning(key)


def _insert(table: Table, dialect: str) -> Any:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


class SqlBooks:
    """The gateway's database. Keeps the contract of `ports.Books`."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        randomness: Randomness,
        to_event: Callable[[Fact], Event],
        ring: Callable[[str], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._randomness = randomness
        self._to_event = to_event
        self._ring = ring

    @asynccontextmanager
    async def begin(self, name: str) -> AsyncIterator[SqlWork]:
        """One named write transaction; whoever waits for a changed session is woken after it."""
        async with self._database.begin(name) as connection:
            work = SqlWork(connection, self._clock, self._randomness, self._to_event)
            yield work
        for session_id in work.changed:
            self._ring(session_id)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[SqlView]:
        """Reads only; nothing is committed."""
        async with self._database.read() as connection:
            yield SqlView(connection)
