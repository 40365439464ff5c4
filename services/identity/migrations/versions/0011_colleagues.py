"""Holders who ask colleagues, the words of these, and codes that they mistyped."""

import sqlalchemy as sa
from alembic import op

from services.runtime.database import UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "colleague_requests",
        sa.Column("session_id", sa.String(64), primary_key=True),
        sa.Column("grant_id", sa.String(36), nullable=False),
        sa.Column("card_ref", sa.String(32), nullable=False),
        sa.Column("holder_ref", sa.String(32), nullable=False),
        sa.Column("code_digest", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("completed_at", UtcDateTime, nullable=True),
    )
    op.create_index("ix_colleague_requests_code_digest", "colleague_requests", ["code_digest"])
    op.create_index("ix_colleague_requests_card_ref", "colleague_requests", ["card_ref", "completed_at"])
    op.create_index("ix_colleague_requests_expires_at", "colleague_requests", ["expires_at"])
    op.create_table(
        "colleague_words",
        sa.Column("session_id", sa.String(64), primary_key=True),
        sa.Column("colleague_ref", sa.String(32), primary_key=True),
        sa.Column("colleague_card_ref", sa.String(32), nullable=False),
        sa.Column("basis", sa.String(16), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_colleague_words_colleague_ref", "colleague_words", ["colleague_ref", "at"])
    op.create_index("ix_colleague_words_at", "colleague_words", ["at"])
    op.create_table(
        "wrong_colleague_codes",
        sa.Column("attempt_id", sa.String(36), primary_key=True),
        sa.Column("colleague_ref", sa.String(32), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
    )
    op.create_index(
        "ix_wrong_colleague_codes_colleague_ref", "wrong_colleague_codes", ["colleague_ref", "at"]
    )
    op.create_index("ix_wrong_colleague_codes_at", "wrong_colleague_codes", ["at"])
