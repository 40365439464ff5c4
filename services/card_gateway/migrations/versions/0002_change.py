"""Reason CHANGE: the sealed current PIN, the last try, and why a PUK could not be used.

Expands only: what the code before it writes has none of these.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the three columns."""
    op.add_column("sessions", sa.Column("reset_refused", sa.String(32), nullable=True))
    op.add_column("steps", sa.Column("sealed_current_pin", sa.LargeBinary, nullable=True))
    op.add_column("steps", sa.Column("last_try", sa.Boolean, nullable=True))
