"""Alembic: runs the revisions of audit on the database that `migrate` names, one process at a time."""

import time

from alembic import context
from sqlalchemy import Connection, create_engine, pool, text

from services.audit.tables import METADATA
from services.runtime.database import sync_url

ONLY_ONE = text("SELECT pg_try_advisory_lock(hashtext('audit.migrate'))")


def wait_for_others(connection: Connection) -> None:
    """Return once no other process migrates this database, and none can until this connection ends.

    Asked again and again: a statement that waits would hold up what waits for all statements to end.
    """
    while not connection.execute(ONLY_ONE).scalar():
        connection.rollback()
        time.sleep(0.2)
    connection.commit()


url = sync_url(context.config.attributes["url"])
# A step may take as long as it takes; the database's own limit is for analysts.
arguments = {} if url.startswith("sqlite") else {"options": "-c statement_timeout=0"}
engine = create_engine(url, poolclass=pool.NullPool, connect_args=arguments)
with engine.connect() as connection:
    if engine.dialect.name == "postgresql":
        wait_for_others(connection)
    context.configure(connection=connection, target_metadata=METADATA)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
