"""The first schema: codes, ledgers, told outcomes, outbox and inbox."""

import sqlalchemy as sa
from alembic import op

from services.runtime.database import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "codes",
        sa.Column("code_id", sa.String(36), primary_key=True),
        sa.Column("session_id", sa.String(64), nullable=False),
        sa.Column("holder_ref", sa.String(64), nullable=False),
        sa.Column("card_ref", sa.String(64), nullable=False),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("address_version", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("issued_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("attempt_id", sa.String(36), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("use_attempt_id", sa.String(36), nullable=True),
        sa.Column("use_jti", sa.String(36), nullable=True),
        sa.Column("use_issued_at", UtcDateTime, nullable=True),
        sa.Column("use_expires_at", UtcDateTime, nullable=True),
        sa.Column("delivery", sa.String(16), nullable=False),
        sa.Column("delivery_reason", sa.String(64), nullable=False),
    )
    op.create_index("ix_codes_session_id", "codes", ["session_id"])
    op.create_index("ix_codes_issued_at", "codes", ["issued_at"])
    op.create_index("ix_codes_mailed", "codes", ["holder_ref", "address_version", "issued_at"])
    op.create_table(
        "ledgers",
        sa.Column("holder_ref", sa.String(64), primary_key=True),
        sa.Column("cards", sa.JSON, nullable=False),
    )
    op.create_table(
        "told_outcomes",
        sa.Column("session_id", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("told_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_told_outcomes_told_at", "told_outcomes", ["told_at"])
    _outbox()
    _inbox()


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
        sa.Column("ce_id", sa.String(36), nullable=False, unique=True),
        sa.Column("ce_type", sa.String(128), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("topic", sa.String(128), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("time", UtcDateTime, nullable=False),
        sa.Column("traceparent", sa.String(55), nullable=False),
        sa.Column("relayseq", sa.BigInteger, nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "outbox_position",
        sa.Column("topic", sa.String(128), primary_key=True),
        sa.Column("relayseq", sa.BigInteger, nullable=False),
    )


def _inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("ce_id", sa.String(36), primary_key=True),
        sa.Column("taken_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_inbox_taken_at", "inbox", ["taken_at"])
