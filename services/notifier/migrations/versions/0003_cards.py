"""Which card a message is about, so that its reader can freeze that one."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("card_ref", sa.String(32), nullable=False, server_default=""))
