"""The first schema: sessions and what is theirs, cards, secrets, the journal, the outbox."""

import sqlalchemy as sa
from alembic import op

from services.runtime.database import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

OPEN = sa.text("state in ('PREPARED', 'SENT', 'UNKNOWN')")


def upgrade() -> None:
    _sessions()
    _cards()
    _outbox()


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("session_id", sa.String(36), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("agent_public_key", sa.LargeBinary, nullable=False),
        sa.Column("agent_token_digest", sa.LargeBinary, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("reader", sa.String(16), nullable=False),
        sa.Column("seen_at", UtcDateTime, nullable=False),
        sa.Column("pairing_round", sa.Integer, nullable=False),
        sa.Column("pairing_kid", sa.String(64), nullable=False),
        sa.Column("pairing_ends_at", UtcDateTime, nullable=True),
        sa.Column("claim_digest", sa.LargeBinary, nullable=True),
        sa.Column("reason", sa.String(16), nullable=True),
        sa.Column("route", sa.String(16), nullable=True),
        sa.Column("started_at", UtcDateTime, nullable=True),
        sa.Column("deadline", UtcDateTime, nullable=True),
        sa.Column("card_ref", sa.String(32), nullable=True),
        sa.Column("profile", sa.String(16), nullable=True),
        sa.Column("guid", sa.LargeBinary, nullable=True),
        sa.Column("chuid_hash", sa.LargeBinary, nullable=True),
        sa.Column("algorithm", sa.String(16), nullable=True),
        sa.Column("pin_tries_left", sa.Integer, nullable=True),
        sa.Column("pin_blocked", sa.Boolean, nullable=True),
        sa.Column("blocked_now", sa.Boolean, nullable=True),
        sa.Column("certificate_expires_at", UtcDateTime, nullable=True),
        sa.Column("holder_ref", sa.String(32), nullable=True),
        sa.Column("organisation", sa.String(64), nullable=True),
        sa.Column("address_version", sa.Integer, nullable=True),
        sa.Column("actor_kind", sa.String(16), nullable=True),
        sa.Column("actor_ref", sa.String(64), nullable=True),
        sa.Column("authorised_at", UtcDateTime, nullable=True),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("told", sa.String(128), nullable=False),
        sa.Column("still_blocked", sa.Boolean, nullable=False),
        sa.Column("resolved_success", sa.Boolean, nullable=False),
        sa.Column("secret_version", sa.Integer, nullable=False),
        sa.Column("secret_kid", sa.String(64), nullable=False),
        sa.Column("label", sa.String(16), nullable=False),
        sa.Column("ended_at", UtcDateTime, nullable=True),
        sa.Column("changed_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_sessions_card_ref", "sessions", ["card_ref", "state"])
    op.create_index("ix_sessions_changed_at", "sessions", ["changed_at"])
    op.create_index("ix_sessions_created_at", "sessions", ["created_at"])
    op.create_index("ix_sessions_deadline", "sessions", ["state", "deadline"])
    op.create_index("ix_sessions_seen_at", "sessions", ["state", "seen_at"])
    op.create_table(
        "pairings",
        sa.Column("token_digest", sa.LargeBinary, primary_key=True),
        sa.Column("code_digest", sa.LargeBinary, nullable=False),
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_pairings_code_digest", "pairings", ["code_digest"])
    op.create_index("ix_pairings_expires_at", "pairings", ["expires_at"])
    op.create_index("ix_pairings_session_id", "pairings", ["session_id"])
    op.create_table(
        "guesses",
        sa.Column("source", sa.LargeBinary, primary_key=True),
        sa.Column("window", UtcDateTime, primary_key=True),
        sa.Column("wrong", sa.Integer, nullable=False),
    )
    op.create_table(
        "steps",
        sa.Column("step_id", sa.String(36), primary_key=True),
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("nonce", sa.LargeBinary, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("not_before", UtcDateTime, nullable=False),
        sa.Column("begin_before", UtcDateTime, nullable=False),
        sa.Column("sealed_pin", sa.LargeBinary, nullable=False),
        sa.Column("pin_attempt_id", sa.String(64), nullable=False),
        sa.Column("rotation_id", sa.String(36), nullable=False),
        sa.Column("tries_before", sa.Integer, nullable=False),
        sa.Column("sent_at", UtcDateTime, nullable=True),
    )
    op.create_index("ix_steps_created_at", "steps", ["created_at"])
    op.create_index("ix_steps_session_id", "steps", ["session_id"])
    op.create_table(
        "attempts",
        sa.Column("call", sa.String(16), primary_key=True),
        sa.Column("attempt_id", sa.String(64), primary_key=True),
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("made_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_attempts_session_id", "attempts", ["session_id"])
    op.create_table(
        "spent_grants",
        sa.Column("jti", sa.String(64), primary_key=True),
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_spent_grants_expires_at", "spent_grants", ["expires_at"])


def _cards() -> None:
    op.create_table(
        "cards",
        sa.Column("card_ref", sa.String(32), primary_key=True),
        sa.Column("profile", sa.String(16), nullable=False),
        sa.Column("guid", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("key_9e", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "secrets",
        sa.Column("card_ref", sa.String(32), primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("kid", sa.String(64), nullable=False),
        sa.Column("highest", sa.Integer, nullable=False),
        sa.Column("imported", sa.LargeBinary, nullable=True),
        sa.Column("imported_kid", sa.String(64), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("tries_full", sa.Integer, nullable=False),
        sa.Column("stopped", sa.String(32), nullable=False),
    )
    op.create_table(
        "rotations",
        sa.Column("rotation_id", sa.String(36), primary_key=True),
        sa.Column("card_ref", sa.String(32), nullable=False),
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("kid", sa.String(64), nullable=False),
        sa.Column("next_version", sa.Integer, nullable=False),
        sa.Column("next_kid", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("changed_at", UtcDateTime, nullable=False),
        sa.Column("lost", sa.String(16), nullable=True),
    )
    op.create_index(
        "ux_rotations_open", "rotations", ["card_ref"], unique=True, postgresql_where=OPEN, sqlite_where=OPEN
    )
    op.create_table(
        "resets",
        sa.Column("step_id", sa.String(36), primary_key=True),
        sa.Column("card_ref", sa.String(32), nullable=False),
        sa.Column("session_id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("sent_at", UtcDateTime, nullable=False),
        sa.Column("result", sa.String(16), nullable=True),
    )
    op.create_index("ix_resets_card_ref", "resets", ["card_ref", "sent_at"])


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
