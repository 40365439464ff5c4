"""Signing in: the public key by which a card's holder is known."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("cards", sa.Column("key_9a", sa.LargeBinary, nullable=True))
