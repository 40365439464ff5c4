"""What RAs ended, and why. A table of its own: the version before neither reads nor writes it."""

import sqlalchemy as sa
from alembic import op

from services.runtime.database import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ended_locks",
        sa.Column("clearing_id", sa.String(36), primary_key=True),
        sa.Column("holder_ref", sa.String(64), nullable=False),
        sa.Column("card_ref", sa.String(64), nullable=False),
        sa.Column("organisation", sa.String(16), nullable=False),
        sa.Column("actor_ref", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("note", sa.String(300), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_ended_locks_at", "ended_locks", ["at"])
    op.create_index("ix_ended_locks_holder_ref", "ended_locks", ["holder_ref", "clearing_id"])
