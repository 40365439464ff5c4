"""Alembic: runs the revisions of identity on the database that `migrate` names."""

from alembic import context
from sqlalchemy import create_engine, pool

from services.identity.tables import metadata
from services.runtime.database import sync_url

engine = create_engine(sync_url(context.config.attributes["url"]), poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
