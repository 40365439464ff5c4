"""When an organisation's name or contact last changed: what is kept of them in memory follows it."""

import sqlalchemy as sa
from alembic import op

from services.runtime.database import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("organisations", sa.Column("changed_at", UtcDateTime, nullable=True))
    op.create_index("ix_organisations_changed_at", "organisations", ["changed_at"])
