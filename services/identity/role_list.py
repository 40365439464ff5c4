"""The roles that stand, for an import that says who has one and not who lost it."""

from typing import NamedTuple

from sqlalchemy import select

from services.identity.tables import holders, roles
from services.runtime.database import Database


class Granted(NamedTuple):
    """A role that stands; the names are those of the import's record."""

    holder: str
    role: str
    organisation: str


async def granted_roles(database: Database) -> set[Granted]:
    """Return every role that stands. RAs are thousands, where holders are millions."""
    query = (
        select(holders.c.holder_id, roles.c.role, roles.c.organisation)
        .join(holders, holders.c.holder_ref == roles.c.holder_ref)
        .where(roles.c.granted)
    )
    async with database.read() as connection:
        return {Granted(*row) for row in await connection.execute(query)}
