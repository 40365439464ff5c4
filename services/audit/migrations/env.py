"""Alembic: runs the revisions of audit on the database that `migrate` names."""

from alembic import context
from sqlalchemy import create_engine, pool

from services.audit.tables import METADATA
from services.runtime.database import sync_url

url = sync_url(context.config.attributes["url"])
# A step may take as long as it takes; the database's own limit is for analysts.
arguments = {} if url.startswith("sqlite") else {"options": "-c statement_timeout=0"}
engine = create_engine(url, poolclass=pool.NullPool, connect_args=arguments)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=METADATA)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
