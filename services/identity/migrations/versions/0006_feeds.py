"""How far each feed of changes was taken."""

import sqlalchemy as sa
from alembic import op

from services.runtime.database import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "feeds",
        sa.Column("feed", sa.String(64), primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("taken_at", UtcDateTime, nullable=False),
    )
