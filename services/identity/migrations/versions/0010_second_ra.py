"""Addresses that wait for a second RA; since when a card is frozen by its holder.

The column may be empty, so that the version before writes its rows as ever.
"""

import sqlalchemy as sa
from alembic import op

from services.runtime.database import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("cards", sa.Column("holder_froze_at", UtcDateTime, nullable=True))
    some = sa.text("holder_froze_at IS NOT NULL")
    op.create_index(
        "ix_cards_holder_froze_at", "cards", ["holder_froze_at"], postgresql_where=some, sqlite_where=some
    )
    op.create_table(
        "address_proposals",
        sa.Column("proposal_id", sa.String(36), primary_key=True),
        sa.Column(
            "holder_ref", sa.String(32), sa.ForeignKey("holders.holder_ref"), nullable=False, unique=True
        ),
        sa.Column("actor_ref", sa.String(32), nullable=False),
        sa.Column("address", sa.String(320), nullable=False),
        sa.Column("over_version", sa.Integer, nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("note", sa.String(300), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_address_proposals_at", "address_proposals", ["at"])
