"""What RAs said of whom they saw, by session."""

import sqlalchemy as sa
from alembic import op

from services.runtime.database import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "vouches",
        sa.Column("session_id", sa.String(64), primary_key=True),
        sa.Column("grant_id", sa.String(36), nullable=False),
        sa.Column("card_ref", sa.String(32), nullable=False),
        sa.Column("holder_ref", sa.String(32), nullable=False),
        sa.Column("ra_ref", sa.String(32), nullable=False),
        sa.Column("basis", sa.String(16), nullable=False),
        sa.Column("vouched_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_vouches_vouched_at", "vouches", ["vouched_at"])
