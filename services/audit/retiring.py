"""`audit retire`: bodies older than 400 days go, a month at a time; places, hashes and heads stay.

Before a month goes, each of its bodies is hashed once more: it must be what the log holds at its place, and a
signed head must cover that; and every record of the month must have its body still. A month that is not so
stays, and is named. The tables' owner does it: nobody else may.
"""

from collections.abc import AsyncIterator
from typing import Any

from sqlalchemy import Row, and_, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit import bodies
from services.audit.domain.leaf import leaf_of
from services.audit.domain.merkle import hash_leaf
from services.audit.domain.retiring import Retirement, ahead, is_due
from services.audit.log_storage import stored_of
from services.audit.storage import instant_of, microseconds
from services.audit.tables import BODIES, HEADS, LEAVES, RECORDS, RETIRED, SAME_BODY
from services.runtime.clock import Clock
from services.runtime.database import Database

PAGE = 1000


class RetireBodies:
    """Makes the months that come, and drops those that are due."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def prepare(self) -> list[str]:
        """Make places of the running month, the next ones and those that have bodies; return which were made.

        Nothing on SQLite.
        """
        if not self._database.is_postgresql:
            return []
        async with self._database.read() as connection:
            there = await bodies.months_there(connection)
        made = []
        for month in sorted({*ahead(self._clock.now()), *there}):
            async with self._database.begin("audit.retire.make") as connection:
                if await bodies.make_month(connection, month):
                    made.append(month)
        return made

    async def retire(self) -> list[Retirement]:
        """Drop every month whose bodies are all older than 400 days, or say why not.

        They must be that old by the newest signed head too: a clock that is wrong here drops nothing.
        """
        now = self._clock.now()
        async with self._database.read() as connection:
            signed = await connection.scalar(select(func.max(HEADS.c.signed_us)))
            now = now if signed is None else min(now, instant_of(signed))
            due = [month for month in await bodies.months_there(connection) if is_due(month, now)]
        return [await self._retire(month) for month in due]

    async def _retire(self, month: str) -> Retirement:
        if self._database.is_postgresql:
            async with self._database.begin("audit.retire.make") as connection:
                await bodies.make_month(connection, month)
        async with self._database.begin("audit.retire.drop") as connection:
            if self._database.is_postgresql:
                await connection.execute(text("SET LOCAL statement_timeout = 0"))
            size = int(await connection.scalar(select(func.max(HEADS.c.size))) or 0)
            count = await bodies.count_of(connection, month)
            if why := await _why_not(connection, month, size):
                return Retirement(month, count, size, why)
            done = Retirement(month, count, size)
            await _note(connection, done, microseconds(self._clock.now()))
            await bodies.drop_month(connection, month)
        return done


async def _note(connection: AsyncConnection, done: Retirement, now: int) -> None:
    """Write down what goes; a month whose bodies came back, by a rebuild, is there already."""
    there = select(RETIRED.c.month).where(RETIRED.c.month == done.month)
    if await connection.scalar(there) is None:
        row = {"month": done.month, "bodies": done.bodies, "size": done.size, "retired_us": now}
        await connection.execute(insert(RETIRED), row)


async def _why_not(connection: AsyncConnection, month: str, size: int) -> str:
    """Return what stands against dropping a month; empty where nothing does."""
    if (stray := await _without_record(connection, month)) is not None:
        return f"no record has the body of {stray}"
    gone_before = await connection.scalar(select(RETIRED.c.month).where(RETIRED.c.month == month))
    async for row in _stored(connection, month):
        if row.leaf_index is None or row.leaf_index >= size:
            return f"no signed head covers record {row.ce_id}"
        if row.body is None:
            if not gone_before:
                return f"place {row.leaf_index}, record {row.ce_id}: its body was removed"
        elif hash_leaf(leaf_of(stored_of(row).record)) != bytes(row.leaf_hash):
            return f"place {row.leaf_index}, record {row.ce_id}: the record was changed"
    return ""


async def _without_record(connection: AsyncConnection, month: str) -> str | None:
    """Return the event id of a body that belongs to no record."""
    first, end = bodies.limits_of(month)
    strays = select(BODIES.c.ce_id).outerjoin(RECORDS, SAME_BODY).where(RECORDS.c.ce_id.is_(None))
    within = strays.where(BODIES.c.stored_us >= first, BODIES.c.stored_us < end)
    return (await connection.execute(within.order_by(BODIES.c.ce_id).limit(1))).scalar()


async def _stored(connection: AsyncConnection, month: str) -> AsyncIterator[Row[Any]]:
    """Give every record that was stored in a month, with its body where that is there."""
    first, end = bodies.limits_of(month)
    # Limits of both, so that PostgreSQL reads one partition.
    same = and_(SAME_BODY, BODIES.c.stored_us >= first, BODIES.c.stored_us < end)
    there = RECORDS.outerjoin(BODIES, same).outerjoin(LEAVES, LEAVES.c.ce_id == RECORDS.c.ce_id)
    chosen = (
        select(RECORDS, BODIES.c.body, LEAVES.c.leaf_index, LEAVES.c.leaf_hash)
        .select_from(there)
        .where(RECORDS.c.stored_us >= first, RECORDS.c.stored_us < end)
    )
    found = await connection.stream(chosen.execution_options(yield_per=PAGE))
    async for row in found:
        yield row
