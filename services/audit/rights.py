"""What each role of PostgreSQL may do with audit's tables: add to them, and nothing else. Quality S46.

The owner, who migrates, grants it after every migration. A role that is not there is passed over: on one
machine the owner does everything, and the triggers alone hold.
"""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.runtime.database import Database

READERS = ("audit_store", "audit_sequencer", "audit_reader")

ROLLED_UP = ("span_sums", "span_users", "span_stages", "span_imports")
"""Derived from records, and made anew."""

RIGHTS: dict[str, dict[str, tuple[str, ...]]] = {
    "audit_store": {"INSERT": ("records", "bodies", "set_aside", "ledger", "unsequenced")},
    "audit_sequencer": {
        "INSERT": ("leaves", "tiles", "heads", "outbox", "outbox_position", "spans", *ROLLED_UP),
        "UPDATE": ("outbox", "outbox_position", "spans"),
        "DELETE": ("unsequenced", "outbox", "spans", *ROLLED_UP),
        "USAGE": ("SEQUENCE outbox_seq_seq",),
    },
}
"""Role → act → tables."""

ANALYST = "audit_analyst"
"""Reads what analysts may see, and the signed heads; no body, no trace, nothing of what is set aside."""

ANALYST_READS = ("analyst_records", "heads")

ANALYST_TIMEOUT = "60s"
"""Of the database, for whoever sets none: our processes all set their own. A question longer than that is
for an export."""


async def grant(database: Database) -> None:
    """Take away what is more, and give what is listed; does nothing on SQLite."""
    if not database.is_postgresql:
        return
    async with database.begin("audit.rights") as connection:
        there = set(await connection.scalars(text("SELECT rolname FROM pg_roles")))
        for role in sorted(there.intersection(READERS)):
            await _execute(connection, _of_process(role))
        if ANALYST in there:
            name = connection.dialect.identifier_preparer.quote(database.engine.url.database or "")
            await _execute(connection, _of_analyst(name))


# Names of roles and tables are those above: nothing comes from outside.


def _of_process(role: str) -> list[str]:
    statements = [
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}",
    ]
    for act, tables in RIGHTS.get(role, {}).items():
        statements += [f"GRANT {act} ON {table} TO {role}" for table in tables]
    return statements


def _of_analyst(database: str) -> list[str]:
    return [
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {ANALYST}",
        *(f"GRANT SELECT ON {table} TO {ANALYST}" for table in ANALYST_READS),
        # The owner of a database may set this; a role's own settings are for who makes roles.
        f"ALTER DATABASE {database} SET statement_timeout = '{ANALYST_TIMEOUT}'",
    ]


async def _execute(connection: AsyncConnection, statements: Sequence[str]) -> None:
    for statement in statements:
        await connection.execute(text(statement))
