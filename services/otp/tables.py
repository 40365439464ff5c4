"""The tables of otp, as code sees them; `migrations/` makes them."""

from sqlalchemy import JSON, Column, Index, Integer, LargeBinary, MetaData, String, Table

from services.runtime.database import UtcDateTime
from services.runtime.inbox import inbox_table
from services.runtime.outbox import outbox_tables

metadata = MetaData()

codes = Table(
    "codes",
    metadata,
    Column("code_id", String(36), primary_key=True),
    Column("session_id", String(64), nullable=False, index=True),
    Column("holder_ref", String(64), nullable=False),
    Column("card_ref", String(64), nullable=False),
    Column("purpose", String(32), nullable=False),
    Column("address_version", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("issued_at", UtcDateTime, nullable=False, index=True),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("attempt_id", String(36), nullable=False),
    Column("state", String(16), nullable=False),
    Column("use_attempt_id", String(36), nullable=True),
    Column("use_jti", String(36), nullable=True),
    Column("use_issued_at", UtcDateTime, nullable=True),
    Column("use_expires_at", UtcDateTime, nullable=True),
    Column("delivery", String(16), nullable=False),
    Column("delivery_reason", String(64), nullable=False),
    Index("ix_codes_mailed", "holder_ref", "address_version", "issued_at"),
)
"""Kept 24 h. Holds no digits: `digest` is keyed, and its key is not in the database."""

ledgers = Table(
    "ledgers",
    metadata,
    Column("holder_ref", String(64), primary_key=True),
    Column("cards", JSON, nullable=False),
)
"""Wrong entries and locks of a holder by card; at most a year's, which the limits keep short."""

told_outcomes = Table(
    "told_outcomes",
    metadata,
    Column("session_id", String(64), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("told_at", UtcDateTime, nullable=False, index=True),
)
"""Which outcomes were told: unique by (session, kind)."""

outbox, outbox_position = outbox_tables(metadata)
inbox = inbox_table(metadata)
