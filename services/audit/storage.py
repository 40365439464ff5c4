"""The store of records: one transaction a batch, append-only (SQLAlchemy)."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Table, bindparam, event, func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.ledger import Run
from services.audit.domain.record import CardFact, Outcome, Record, SetAside, SetAsideCause
from services.audit.ports import Batch, StoreBusy, Unstorable
from services.audit.tables import (
    BODIES,
    HEADS,
    LEAVES,
    LEDGER,
    RECORDS,
    SET_ASIDE,
    SPAN_IMPORTS,
    SPAN_STAGES,
    SPAN_SUMS,
    SPAN_USERS,
    TILES,
    UNSEQUENCED,
)
from services.runtime.clock import Clock
from services.runtime.database import Database, TransientDatabaseError

_AWAY = (TransientDatabaseError, OperationalError, InterfaceError, OSError)
"""What a database raises that is away, full or busy."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_NO_OUTCOME: dict[str, Any] = dict.fromkeys((
    "session_id", "kind", "rank", "code", "reason", "route", "card_ref", "holder_ref",
    "organisation", "actor_kind", "actor_ref", "resolved_success", "took_ms",
))  # fmt: skip

CARD_COLUMNS = ("card_ref", "holder_ref", "organisation", "actor_kind", "actor_ref")
"""Of these, what another fact of one card says too."""


class SqlStore:
    """Records in SQLite or PostgreSQL."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def store(self, batch: Batch) -> None:
        """Store all of a batch or nothing. Raises StoreBusy or Unstorable."""
        now = microseconds(self._clock.now())
        try:
            async with self._database.begin("audit.store") as connection:
                repeats = await _insert_records(connection, batch.records, now)
                await insert_new(
                    connection, SET_ASIDE, [_aside_row(item, now) for item in batch.set_aside] + repeats
                )
                await insert_new(connection, LEDGER, [_run_row(run, now) for run in batch.runs])
        except (DataError, OverflowError) as error:
            raise Unstorable from error
        except _AWAY as error:
            raise StoreBusy from error

    async def set_aside_since(self, instant: datetime) -> int:
        """Count what was set aside since then, repeats left out. Raises StoreBusy."""
        recent = (SET_ASIDE.c.stored_us > microseconds(instant)) & (
            SET_ASIDE.c.cause != SetAsideCause.REPEATED
        )
        try:
            async with self._database.read() as connection:
                return int(
                    await connection.scalar(select(func.count()).select_from(SET_ASIDE).where(recent)) or 0
                )
        except _AWAY as error:
            raise StoreBusy from error


def open_read_only(url: str) -> Database:
    """Open the records with connections that the database itself keeps from writing."""
    database = Database(url)
    statement = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"
    if not database.is_postgresql:
        statement = "PRAGMA query_only = ON"

    @event.listens_for(database.engine.sync_engine, "connect")
    def _keep_from_writing(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        cursor.execute(statement)
        cursor.close()
        connection.commit()

    return database


async def see_one_moment(connection: AsyncConnection) -> None:
    """Let all statements of a reading transaction see what the first one sees."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))


def microseconds(instant: datetime) -> int:
    """Return an aware instant as whole microseconds since 1970."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def instant_of(number: int) -> datetime:
    """Return the instant of `microseconds`, UTC."""
    return _EPOCH + timedelta(microseconds=number)


async def _insert_records(
    connection: AsyncConnection, records: Sequence[Record], now: int
) -> list[dict[str, Any]]:
    """Insert what is new; return the second outcomes of a kind as rows to be set aside."""
    if not records:
        return []
    # By id, so that two workers that store the same events wait for each other and do not deadlock.
    rows = [record_row(record, now) for record in sorted(records, key=lambda record: record.ce_id)]
    if connection.dialect.name == "postgresql":
        answer = await connection.execute(_BY_COLUMNS[RECORDS].returning(RECORDS.c.ce_id), _columns(rows))
    else:
        answer = await connection.execute(_BY_ROWS[RECORDS].returning(RECORDS.c.ce_id), rows)
    inserted = set(answer.scalars())
    new = {record.ce_id: body_row(record, now) for record in records if record.ce_id in inserted}
    await insert_new(connection, BODIES, [new[ce_id] for ce_id in sorted(new)])
    await insert_new(connection, UNSEQUENCED, [{"ce_id": ce_id} for ce_id in sorted(inserted)])
    missing = [record for record in records if record.ce_id not in inserted]
    if not missing:
        return []
    known = select(RECORDS.c.ce_id).where(RECORDS.c.ce_id.in_({record.ce_id for record in missing}))
    there_already = set((await connection.execute(known)).scalars())
    return [_repeat_row(record, now) for record in missing if record.ce_id not in there_already]


async def insert_new(connection: AsyncConnection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert what is not there yet; what is there stays as it is."""
    if rows and connection.dialect.name == "postgresql":
        await connection.execute(_BY_COLUMNS[table], _columns(rows))
    elif rows:
        await connection.execute(_BY_ROWS[table], rows)


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}


def _by_columns(table: Table) -> postgresql.Insert:
    """One array a column: the statement is always the same, and is read once however long a batch is."""
    arrays = [func.unnest(bindparam(column.name, type_=postgresql.ARRAY(column.type))) for column in table.c]
    names = [column.name for column in table.c]
    statement: postgresql.Insert = postgresql.insert(table).from_select(names, select(*arrays))
    return statement.on_conflict_do_nothing()


_EVIDENCE = (RECORDS, BODIES, SET_ASIDE, LEDGER, UNSEQUENCED, LEAVES, TILES, HEADS)
_TABLES = (*_EVIDENCE, SPAN_SUMS, SPAN_USERS, SPAN_STAGES, SPAN_IMPORTS)
_BY_COLUMNS = {table: _by_columns(table) for table in _TABLES}
_BY_ROWS = {table: sqlite.insert(table).on_conflict_do_nothing() for table in _TABLES}


def record_row(record: Record, now: int) -> dict[str, Any]:
    """Return a record as its row, stored at that microsecond."""
    return {
        "ce_id": record.ce_id,
        "ce_type": record.ce_type,
        "source": record.source,
        "subject": record.subject,
        "occurred_us": microseconds(record.outcome.occurred_at if record.outcome else record.occurred_at),
        "relayseq": record.relayseq,
        "traceparent": record.traceparent,
        "topic": record.origin.topic,
        "partition": record.origin.partition,
        "kafka_offset": record.origin.offset,
        "stored_us": now,
        **(outcome_columns(record.outcome) if record.outcome else _NO_OUTCOME),
        **(card_columns(record.card_fact) if record.card_fact else {}),
    }


def body_row(record: Record, now: int) -> dict[str, Any]:
    """Return the row of a record's body, stored at that microsecond."""
    return {"ce_id": record.ce_id, "stored_us": now, "body": record.body}


def outcome_columns(outcome: Outcome) -> dict[str, Any]:
    """Return the columns that say again what an outcome's body says."""
    took = outcome.occurred_at - outcome.started_at if outcome.started_at else None
    return {
        "session_id": outcome.session_id,
        "kind": outcome.kind.value,
        "rank": outcome.kind.rank,
        "code": outcome.code,
        "reason": outcome.reason,
        "route": outcome.route,
        "card_ref": outcome.card_ref,
        "holder_ref": outcome.holder_ref,
        "organisation": outcome.organisation,
        "actor_kind": outcome.actor_kind or None,
        "actor_ref": outcome.actor_ref,
        "resolved_success": outcome.resolved_success,
        "took_ms": took // timedelta(milliseconds=1) if took is not None else None,
    }


def card_columns(fact: CardFact) -> dict[str, Any]:
    """Return the columns that say again which card another fact is about, and who acted."""
    said = (fact.card_ref, fact.holder_ref, fact.organisation, fact.actor_kind or None, fact.actor_ref)
    return dict(zip(CARD_COLUMNS, said, strict=True))


def _aside_row(item: SetAside, now: int) -> dict[str, Any]:
    message = item.message
    return {
        "topic": message.origin.topic,
        "partition": message.origin.partition,
        "kafka_offset": message.origin.offset,
        "cause": item.cause.value,
        "headers": json.dumps([[name, bytes(value).hex()] for name, value in message.headers]),
        "message_key": message.key,
        "body": message.body,
        "stored_us": now,
    }


def _repeat_row(record: Record, now: int) -> dict[str, Any]:
    return {
        "topic": record.origin.topic,
        "partition": record.origin.partition,
        "kafka_offset": record.origin.offset,
        "cause": SetAsideCause.REPEATED.value,
        "headers": json.dumps([["ce_id", record.ce_id.encode().hex()]]),
        "message_key": None,
        "body": record.body,
        "stored_us": now,
    }


def _run_row(run: Run, now: int) -> dict[str, Any]:
    return {
        "topic": run.topic,
        "partition": run.partition,
        "first_offset": run.first,
        "last_offset": run.last,
        "stored_us": now,
    }
