"""What each role of PostgreSQL may do with audit's tables: add to them, and nothing else. Quality S46.

The owner, who migrates, grants it after every migration. A role that is not there is passed over: on one
machine the owner does everything, and the triggers alone hold.
"""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.database import Database

READERS = ("audit_store", "audit_sequencer", "audit_reader")

RIGHTS: dict[str, dict[str, tuple[str, ...]]] = {
    "audit_store": {"INSERT": ("records", "set_aside", "ledger", "unsequenced")},
    "audit_sequencer": {
        "INSERT": ("leaves", "tiles", "heads", "outbox", "outbox_position"),
        "UPDATE": ("outbox", "outbox_position"),
        "DELETE": ("unsequenced", "outbox"),
        "USAGE": ("SEQUENCE outbox_seq_seq",),
    },
}
"""Role → act → tables."""


async def grant(database: Database) -> None:
    """Take away what is more, and give what is listed; does nothing on SQLite."""
    if not database.is_postgresql:
        return
    async with database.begin("audit.rights") as connection:
        there = set(await connection.scalars(text("SELECT rolname FROM pg_roles")))
        for role in sorted(there.intersection(READERS)):
            await _grant(connection, role)


async def _grant(connection: AsyncConnection, role: str) -> None:
    # Names of roles and tables are those above: nothing comes from outside.
    statements = [
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}",
    ]
    for act, tables in RIGHTS.get(role, {}).items():
        statements += [f"GRANT {act} ON {table} TO {role}" for table in tables]
    for statement in statements:
        await connection.execute(text(statement))
