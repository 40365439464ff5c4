"""The gateway's tables. Tokens are digests; the only secret is the sealed factory value of a card."""

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    text,
)

from services.runtime.database import UtcDateTime
from services.runtime.outbox import outbox_tables

metadata = MetaData()

sessions = Table(
    "sessions",
    metadata,
    Column("session_id", String(36), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("version", Integer, nullable=False),
    Column("agent_public_key", LargeBinary, nullable=False),
    Column("agent_token_digest", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("reader", String(16), nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("pairing_round", Integer, nullable=False),
    Column("pairing_kid", String(64), nullable=False),
    Column("pairing_ends_at", UtcDateTime, nullable=True),
    Column("claim_digest", LargeBinary, nullable=True),
    Column("reason", String(16), nullable=True),
    Column("route", String(16), nullable=True),
    Column("started_at", UtcDateTime, nullable=True),
    Column("deadline", UtcDateTime, nullable=True),
    Column("card_ref", String(32), nullable=True),
    Column("profile", String(16), nullable=True),
    Column("guid", LargeBinary, nullable=True),
    Column("chuid_hash", LargeBinary, nullable=True),
    Column("algorithm", String(16), nullable=True),
    Column("pin_tries_left", Integer, nullable=True),
    Column("pin_blocked", Boolean, nullable=True),
    Column("blocked_now", Boolean, nullable=True),
    Column("certificate_expires_at", UtcDateTime, nullable=True),
    Column("reset_refused", String(32), nullable=True),
    Column("holder_ref", String(32), nullable=True),
    Column("organisation", String(64), nullable=True),
    Column("address_version", Integer, nullable=True),
    Column("actor_kind", String(16), nullable=True),
    Column("actor_ref", String(64), nullable=True),
    Column("authorised_at", UtcDateTime, nullable=True),
    Column("code", String(64), nullable=False),
    Column("told", String(128), nullable=False),
    Column("still_blocked", Boolean, nullable=False),
    Column("resolved_success", Boolean, nullable=False),
    Column("secret_version", Integer, nullable=False),
    Column("secret_kid", String(64), nullable=False),
    Column("label", String(16), nullable=False),
    Column("ended_at", UtcDateTime, nullable=True),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("ra_ref", String(64), nullable=False, server_default=""),
    Index("ix_sessions_card_ref", "card_ref", "state"),
    Index("ix_sessions_deadline", "state", "deadline"),
    Index("ix_sessions_seen_at", "state", "seen_at"),
    Index("ix_sessions_changed_at", "changed_at"),
    Index("ix_sessions_created_at", "created_at"),
)

pairings = Table(
    "pairings",
    metadata,
    Column("token_digest", LargeBinary, primary_key=True),
    Column("code_digest", LargeBinary, nullable=False, index=True),
    Column("session_id", String(36), nullable=False, index=True),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
)

guesses = Table(
    "guesses",
    metadata,
    Column("source", LargeBinary, primary_key=True),
    Column("window", UtcDateTime, primary_key=True),
    Column("wrong", Integer, nullable=False),
)

steps = Table(
    "steps",
    metadata,
    Column("step_id", String(36), primary_key=True),
    Column("session_id", String(36), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("created_at", UtcDateTime, nullable=False, index=True),
    Column("not_before", UtcDateTime, nullable=False),
    Column("begin_before", UtcDateTime, nullable=False),
    Column("sealed_pin", LargeBinary, nullable=False),
    Column("pin_attempt_id", String(64), nullable=False),
    Column("rotation_id", String(36), nullable=False),
    Column("tries_before", Integer, nullable=False),
    Column("sent_at", UtcDateTime, nullable=True),
    Column("sealed_current_pin", LargeBinary, nullable=True),
    Column("last_try", Boolean, nullable=True),
)

attempts = Table(
    "attempts",
    metadata,
    Column("call", String(16), primary_key=True),
    Column("attempt_id", String(64), primary_key=True),
    Column("session_id", String(36), nullable=False, index=True),
    Column("made_at", UtcDateTime, nullable=False),
)

spent_grants = Table(
    "spent_grants",
    metadata,
    Column("jti", String(64), primary_key=True),
    Column("session_id", String(36), nullable=False),
    Column("expires_at", UtcDateTime, nullable=False, index=True),
)

cards = Table(
    "cards",
    metadata,
    Column("card_ref", String(32), primary_key=True),
    Column("profile", String(16), nullable=False),
    Column("guid", LargeBinary, nullable=False, unique=True),
    Column("key_9e", LargeBinary, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("key_9a", LargeBinary, nullable=True),
)

secrets = Table(
    "secrets",
    metadata,
    Column("card_ref", String(32), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("kid", String(64), nullable=False),
    Column("highest", Integer, nullable=False),
    Column("imported", LargeBinary, nullable=True),
    Column("imported_kid", String(64), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("tries_full", Integer, nullable=False),
    Column("stopped", String(32), nullable=False),
)

OPEN = text("state in ('PREPARED', 'SENT', 'UNKNOWN')")

rotations = Table(
    "rotations",
    metadata,
    Column("rotation_id", String(36), primary_key=True),
    Column("card_ref", String(32), nullable=False),
    Column("session_id", String(36), nullable=False),
    Column("version", Integer, nullable=False),
    Column("kid", String(64), nullable=False),
    Column("next_version", Integer, nullable=False),
    Column("next_kid", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("lost", String(16), nullable=True),
    Index("ux_rotations_open", "card_ref", unique=True, postgresql_where=OPEN, sqlite_where=OPEN),
)

resets = Table(
    "resets",
    metadata,
    Column("step_id", String(36), primary_key=True),
    Column("card_ref", String(32), nullable=False),
    Column("session_id", String(36), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("sent_at", UtcDateTime, nullable=False),
    Column("result", String(16), nullable=True),
    Index("ix_resets_card_ref", "card_ref", "sent_at"),
)

outbox, outbox_position = outbox_tables(metadata)
