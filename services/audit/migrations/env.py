from alembic import context
from sqlalchemy import create_engine

from services.audit.tables import METADATA
from services.runtime.database import sync_url

engine = create_engine(sync_url(context.config.attributes["url"]))
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=METADATA, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
engine.dispose()
