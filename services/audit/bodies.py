"""Where bodies lie: a partition a month on PostgreSQL, one table on SQLite. Done by the tables' owner.

A body goes into the partition of its month; into `bodies_rest` where nobody has made that yet, so that no
store waits. Making a month moves what lies there.
"""

from collections.abc import Sequence

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.span import end_of, month_of, start_of
from services.audit.storage import instant_of, microseconds
from services.audit.tables import BODIES

REST = "bodies_rest"

# Names of tables are made of months, and those of numbers: nothing comes from outside.


async def months_there(connection: AsyncConnection) -> list[str]:
    """Return the months that have bodies, or a place for them; however long that takes to read."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SET LOCAL statement_timeout = 0"))
        names = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'bodies'::regclass")
        made = {name.removeprefix("bodies_").replace("_", "-") for name in await connection.scalars(names)}
        return sorted((made - {"rest"}) | await _months_in(connection, f"ONLY {REST}"))
    return sorted(await _months_in(connection, "bodies"))


async def _months_in(connection: AsyncConnection, table: str) -> set[str]:
    """By hours, so that it is few rows."""
    hours = text(f"SELECT DISTINCT stored_us / 3600000000 FROM {table}")  # noqa: S608
    return {month_of(instant_of(hour * 3_600_000_000)) for hour in await connection.scalars(hours)}


async def make_month(connection: AsyncConnection, month: str) -> bool:
    """Make a month's partition, with what lies in `bodies_rest` of it; False where it is there already."""
    name, first, end = table_of(month), *limits_of(month)
    if await connection.scalar(text("SELECT to_regclass(:name)"), {"name": name}):
        return False
    move = (
        f"WITH moved AS (DELETE FROM {REST} WHERE stored_us >= {first} AND stored_us < {end} "  # noqa: S608
        f"RETURNING *) INSERT INTO {name} SELECT * FROM moved"
    )
    refuse = (
        f"CREATE TRIGGER {name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {name} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    for statement in (
        "SET LOCAL statement_timeout = 0",
        f"LOCK TABLE {REST} IN ACCESS EXCLUSIVE MODE",
        f"CREATE TABLE {name} (LIKE bodies INCLUDING ALL)",
        f"ALTER TABLE {REST} DISABLE TRIGGER {REST}_append_only",
        move,
        f"ALTER TABLE {REST} ENABLE TRIGGER {REST}_append_only",
        refuse,
        f"ALTER TABLE bodies ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({end})",
    ):
        await connection.execute(text(statement))
    return True


async def drop_month(connection: AsyncConnection, month: str) -> None:
    """Drop the bodies of a month that is in `retired`."""
    first, end = limits_of(month)
    if connection.dialect.name == "postgresql":
        await connection.execute(text(f"DROP TABLE {table_of(month)}"))
    else:
        old = text("DELETE FROM bodies WHERE stored_us >= :first AND stored_us < :end")
        await connection.execute(old, {"first": first, "end": end})


async def count_of(connection: AsyncConnection, month: str) -> int:
    """How many bodies a month has."""
    first, end = limits_of(month)
    chosen = select(func.count()).where(BODIES.c.stored_us >= first, BODIES.c.stored_us < end)
    return int(await connection.scalar(chosen) or 0)


def limits_of(month: str) -> Sequence[int]:
    """Return its first microsecond, and the first after it."""
    return microseconds(start_of(month)), microseconds(end_of(month))


def table_of(month: str) -> str:
    """Return the name of its partition, such as `bodies_2026_11`."""
    return f"bodies_{month.replace('-', '_')}"
