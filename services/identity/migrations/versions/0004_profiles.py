"""Profiles: the mobile number, and roles."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("holders", sa.Column("mobile", sa.String(16), nullable=True))
    op.create_table(
        "roles",
        sa.Column("holder_ref", sa.String(32), sa.ForeignKey("holders.holder_ref"), primary_key=True),
        sa.Column("role", sa.String(16), primary_key=True),
        sa.Column("organisation", sa.String(16), sa.ForeignKey("organisations.code"), primary_key=True),
        sa.Column("granted", sa.Boolean, nullable=False),
    )
