"""What RAs do for holders: who, when and why."""

import sqlalchemy as sa
from alembic import op

from services.runtime.database import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ra_acts",
        sa.Column("act_id", sa.String(36), primary_key=True),
        sa.Column("actor_ref", sa.String(32), nullable=False),
        sa.Column("attempt_id", sa.String(36), nullable=False),
        sa.Column("holder_ref", sa.String(32), sa.ForeignKey("holders.holder_ref"), nullable=False),
        sa.Column("card_ref", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("note", sa.String(300), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.UniqueConstraint("actor_ref", "attempt_id", name="uq_ra_acts_attempt"),
    )
    op.create_index("ix_ra_acts_holder_ref", "ra_acts", ["holder_ref"])
    op.create_index("ix_ra_acts_actor_ref", "ra_acts", ["actor_ref", "at"])
