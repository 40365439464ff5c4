"""Registrations with security questions, and how often their answers were wrong."""

import sqlalchemy as sa
from alembic import op

from services.runtime.database import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "registrations",
        sa.Column("holder_ref", sa.String(32), sa.ForeignKey("holders.holder_ref"), primary_key=True),
        sa.Column("complete", sa.Boolean, primary_key=True),
        sa.Column("questions", sa.String(200), nullable=False),
        sa.Column("answers_hash", sa.String(200), nullable=False),
        sa.Column("session_id", sa.String(64), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "answer_tries",
        sa.Column("holder_ref", sa.String(32), sa.ForeignKey("holders.holder_ref"), primary_key=True),
        sa.Column("card_ref", sa.String(32), primary_key=True),
        sa.Column("wrong", sa.Integer, nullable=False),
        sa.Column("locked_at", UtcDateTime, nullable=True),
    )
    op.create_table(
        "answer_attempts",
        sa.Column("session_id", sa.String(64), primary_key=True),
        sa.Column("attempt_id", sa.String(36), primary_key=True),
        sa.Column("holder_ref", sa.String(32), nullable=False),
        sa.Column("card_ref", sa.String(32), nullable=False),
        sa.Column("right", sa.Boolean, nullable=False),
        sa.Column("tries_left", sa.Integer, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_answer_attempts_at", "answer_attempts", ["at"])
