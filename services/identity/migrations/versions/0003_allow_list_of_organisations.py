"""Additions to the allow list for one organisation, and every change of the list, written down for good."""

import sqlalchemy as sa
from alembic import op

from services.runtime.database import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "organisation_domains",
        sa.Column("organisation", sa.String(16), sa.ForeignKey("organisations.code"), primary_key=True),
        sa.Column("domain", sa.String(255), primary_key=True),
        sa.Column("subdomains", sa.Boolean, nullable=False),
    )
    op.create_table(
        "allow_list_changes",
        sa.Column("change_id", sa.String(36), primary_key=True),
        sa.Column("organisation", sa.String(16), nullable=False),
        sa.Column("domain", sa.String(255), nullable=False),
        sa.Column("subdomains", sa.Boolean, nullable=False),
        sa.Column("change", sa.String(16), nullable=False),
        sa.Column("changed_by", sa.String(64), nullable=False),
        sa.Column("changed_at", UtcDateTime, nullable=False),
    )
