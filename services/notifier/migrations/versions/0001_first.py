"""The first schema: deliveries, inbox, outbox."""

import sqlalchemy as sa
from alembic import op

from services.runtime.database import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deliveries",
        sa.Column("message_id", sa.String(64), primary_key=True),
        sa.Column("template", sa.String(32), nullable=False),
        sa.Column("session_id", sa.String(64), nullable=False),
        sa.Column("holder_ref", sa.String(64), nullable=False),
        sa.Column("address_version", sa.Integer, nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("made_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("due_at", UtcDateTime, nullable=False),
        sa.Column("sealed_code", sa.LargeBinary),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("delay_told", sa.Boolean, nullable=False),
        sa.Column("ended_at", UtcDateTime),
        sa.Column("claimed_by", sa.String(128)),
    )
    op.create_index("ix_deliveries_ended_at", "deliveries", ["ended_at"])
    queued = sa.text("state = 'QUEUED'")
    op.create_index("deliveries_due", "deliveries", ["due_at"], sqlite_where=queued, postgresql_where=queued)
    _inbox()
    _outbox()


def _inbox() -> None:
    op.create_table(
        "inbox",
        sa.Column("ce_id", sa.String(36), primary_key=True),
        sa.Column("taken_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_inbox_taken_at", "inbox", ["taken_at"])


def _outbox() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "outbox",
        sa.Column("seq", number, primary_key=True, autoincrement=True),
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
