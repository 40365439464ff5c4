"""The holder's organisation beside the wrong entries: who may end a lock.

It has a default, so that the version before writes its rows as ever.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ledgers", sa.Column("organisation", sa.String(16), nullable=False, server_default=""))
