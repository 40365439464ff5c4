"""The one process that may do something: an advisory lock that ends with its connection (PostgreSQL).

On SQLite there is one replica, and so nothing to hold.
"""

import zlib
from contextlib import suppress

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.database import Database


class NotLeader(Exception):
    """Another replica does it, or nobody may yet."""


class Lease:
    """Held within the block. Raises NotLeader where another holds it."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._number = zlib.crc32(name.encode())
        self._held: AsyncConnection | None = None

    async def __aenter__(self) -> None:
        if not self._database.is_postgresql:
            return
        connection = await self._database.engine.connect()
        try:
            connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
            got = await connection.scalar(text("select pg_try_advisory_lock(:n)"), {"n": self._number})
        except BaseException:
            await connection.close()
            raise
        if not got:
            await connection.close()
            raise NotLeader
        self._held = connection

    async def __aexit__(self, *_: object) -> None:
        if self._held is not None:
            with suppress(Exception):
                await self._held.invalidate()
            await self._held.close()
            self._held = None
