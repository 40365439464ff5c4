"""Which key a code is under, where it was asked for, and wrong entries by place.

Columns have defaults, so that the version before writes its rows as ever.
"""

import sqlalchemy as sa
from alembic import op

from services.runtime.database import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, length in (("organisation", 16), ("network_ref", 32), ("key_id", 16)):
        op.add_column("codes", sa.Column(name, sa.String(length), nullable=False, server_default=""))
    op.drop_index("ix_codes_mailed", "codes")
    op.create_index("ix_codes_mailed", "codes", ["holder_ref", "issued_at"])
    op.create_index("ix_codes_organisation", "codes", ["organisation", "issued_at"])
    op.create_index("ix_codes_network", "codes", ["network_ref", "issued_at"])
    op.create_table(
        "wrong_entries",
        sa.Column("entry_id", sa.String(36), primary_key=True),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("card_ref", sa.String(64), nullable=False),
        sa.Column("organisation", sa.String(16), nullable=False),
        sa.Column("network_ref", sa.String(32), nullable=False),
    )
    op.create_index("ix_wrong_entries_at", "wrong_entries", ["at"])
    op.create_index("ix_wrong_entries_organisation", "wrong_entries", ["organisation", "at"])
    op.create_index("ix_wrong_entries_network", "wrong_entries", ["network_ref", "at"])
    op.create_table(
        "told_alarms",
        sa.Column("scope", sa.String(16), primary_key=True),
        sa.Column("place", sa.String(32), primary_key=True),
        sa.Column("hour", UtcDateTime, primary_key=True),
    )
