"""One way to a database: named write transactions, reads that commit nothing.

SQLite (one replica, BEGIN IMMEDIATE) and PostgreSQL (psycopg 3) by the URL. A fault that may
pass becomes TransientDatabaseError, on which the whole handler is run again.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import DateTime, Dialect, Select, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool
from sqlalchemy.types import TypeDecorator

from services.runtime import faults, logs

TOO_SLOW = "57014"
"""SQLSTATE of a statement that ran into its limit: most likely it does so again."""

_PASSING_SQLSTATES = frozenset({
    "40001",  # serialization failure
    "40P01",  # deadlock
    "55P03",  # lock not available
    "57P01",  # admin shutdown
    "57P02",  # crash shutdown
    "57P03",  # starting up
    "53300",  # too many connections
    "53100",  # disk full: until somebody makes room
    "53200",  # out of memory
    TOO_SLOW,
    "08000", "08001", "08003", "08006",  # connection
})  # fmt: skip


_PASSING_SQLITE_CODES = frozenset({
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,  # what a full disk looks like to the log of changes
})  # fmt: skip

_MIGRATES = text("SELECT pg_try_advisory_lock(hashtext('migrate'))")

log = logs.logger("database")


class TransientDatabaseError(Exception):
    """A fault that may pass: run the whole handler again, which must bear that."""

    def __init__(self, sqlstate: str = "") -> None:
        """`sqlstate`: of PostgreSQL, or SQLite's name of the fault; empty where there is none."""
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC datetimes with microseconds, on databases that keep no time zone too."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store as UTC; a naive datetime is a defect."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("naive datetime")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Read as aware UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Database:
    """The database of one service."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self.committed = asyncio.Event()
        """Set at every commit of this process; whoever waits for work clears it first."""
        self._faults = logs.Seldom(log, "database_fault")

    @property
    def is_postgresql(self) -> bool:
        """True on PostgreSQL."""
        return self.engine.dialect.name == "postgresql"

    @asynccontextmanager
    async def begin(self, name: str) -> AsyncIterator[AsyncConnection]:
        """Run one write transaction under a name; commit at the exit, roll back on any error.

        Raises TransientDatabaseError for faults that may pass, also when it is not known
        whether the commit happened: then the handler's second run must find out.
        """
        with _passing_faults_named(self._faults):
            async with self.engine.connect() as connection:
                # SQLAlchemy begins by itself; on SQLite the listener below makes it IMMEDIATE.
                await connection.begin()
                yield connection
                faults.reach(f"{name}.before_commit")
                await connection.commit()
                self.committed.set()
                faults.reach(f"{name}.after_commit")

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Run reads only; nothing is committed."""
        with _passing_faults_named(self._faults):
            async with self.engine.connect() as connection:
                connection = await connection.execution_options(read_only=True)
                yield connection
                await connection.rollback()

    async def close(self) -> None:
        """Give all connections back."""
        await self.engine.dispose()


def for_update(statement: Select[Any], connection: AsyncConnection) -> Select[Any]:
    """Lock the rows read; SQLite has locked the whole database already."""
    return statement.with_for_update() if connection.dialect.name == "postgresql" else statement


async def migrate(url: str, migrations: Path, then: Callable[[], Awaitable[None]] | None = None) -> None:
    """Bring the schema to its newest revision (Alembic), and do `then` what else belongs to it.

    One process at a time: replicas that start side by side all migrate.
    """
    from alembic import command  # a tenth of what a process loads, and no other command needs it
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.attributes["url"] = url
    async with _only_one(url):
        await asyncio.to_thread(command.upgrade, config, "head")
        if then is not None:
            await then()


@asynccontextmanager
async def _only_one(url: str) -> AsyncIterator[None]:
    """Wait until no other process migrates this database, and keep all others waiting within the block.

    Asked again and again, outside a transaction: a statement that waits would hold up a step that waits for
    all others' statements to end.
    """
    if make_url(url).get_backend_name() == "sqlite":
        yield
        return
    engine = _engine(url)
    try:
        async with engine.connect() as connection:
            connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
            while True:
                if await connection.scalar(_MIGRATES):
                    break
                await asyncio.sleep(0.2)
            yield
    finally:
        await engine.dispose()  # the lock ends with its connection


def sync_url(url: str) -> str:
    """Return the URL with a blocking driver, for Alembic."""
    return url.replace("sqlite+aiosqlite:", "sqlite:")


class _passing_faults_named:  # noqa: N801 - reads as a word in `with`
    """Turn the drivers' many words for "try again" into one; log which it was, without the statement."""

    def __init__(self, told: logs.Seldom) -> None:
        self._told = told

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None and may_pass(error):
            cause = error.orig if isinstance(error, DBAPIError) else error
            sqlstate, named = sqlstate_of(error), type(cause).__name__
            self._told.warn(sqlstate or named, sqlstate=sqlstate, cause=named)
            raise TransientDatabaseError(sqlstate) from error


def sqlstate_of(error: BaseException) -> str:
    """Return PostgreSQL's SQLSTATE, or SQLite's name such as SQLITE_FULL; empty where there is none."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, psycopg.Error):
        return cause.sqlstate or ""
    return cause.sqlite_errorname if isinstance(cause, sqlite3.Error) else ""


def may_pass(error: BaseException) -> bool:
    """Tell whether a database fault may pass by itself."""
    if isinstance(error, PoolTimeout):
        return True
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if isinstance(cause, psycopg.Error):
        return cause.sqlstate in _PASSING_SQLSTATES or (
            isinstance(cause, psycopg.OperationalError) and cause.sqlstate is None
        )
    if isinstance(cause, sqlite3.OperationalError):
        # The low byte is the kind, the others say more of it. Source: sqlite.org/rescode.html.
        return cause.sqlite_errorcode & 0xFF in _PASSING_SQLITE_CODES
    return False


def _engine(url: str) -> AsyncEngine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(url, in_memory=parsed.database in (None, "", ":memory:"))
    if parsed.drivername != "postgresql+psycopg":
        raise ValueError("databases are sqlite+aiosqlite or postgresql+psycopg")
    return create_async_engine(
        url,
        pool_size=8,
        max_overflow=8,
        pool_timeout=3,
        pool_pre_ping=False,
        pool_recycle=600,
        connect_args={"connect_timeout": 3, "options": "-c lock_timeout=3000 -c statement_timeout=4000"},
    )


def _sqlite(url: str, *, in_memory: bool) -> AsyncEngine:
    arguments: dict[str, Any] = {"connect_args": {"timeout": 3, "isolation_level": None}}
    if in_memory:
        arguments["poolclass"] = StaticPool
    engine = create_async_engine(url, **arguments)

    @event.listens_for(engine.sync_engine, "connect")
    def _pragmas(connection: Any, _: object) -> None:
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=3000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _immediate(connection: Any) -> None:
        # A deferred transaction that turns into a writer fails at once when another wrote meanwhile.
        read_only = connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine
