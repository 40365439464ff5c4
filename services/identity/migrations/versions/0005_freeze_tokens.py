"""Tokens by which the reader of a mail can freeze a card."""

import sqlalchemy as sa
from alembic import op

from services.runtime.database import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "freeze_tokens",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("holder_ref", sa.String(32), nullable=False),
        sa.Column("card_ref", sa.String(32), nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_freeze_tokens_expires_at", "freeze_tokens", ["expires_at"])
