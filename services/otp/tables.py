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
    Column("organisation", String(16), nullable=False, server_default=""),
    Column("network_ref", String(32), nullable=False, server_default=""),
    Column("key_id", String(16), nullable=False, server_default=""),
    Index("ix_codes_mailed", "holder_ref", "issued_at"),
    Index("ix_codes_organisation", "organisation", "issued_at"),
    Index("ix_codes_network", "network_ref", "issued_at"),
)
"""Kept 24 h. Holds no digits: `digest` is keyed, and its key is not in the database."""

ledgers = Table(
    "ledgers",
    metadata,
    Column("holder_ref", String(64), primary_key=True),
    Column("cards", JSON, nullable=False),
    Column("organisation", String(16), nullable=False, server_default=""),
)
"""Wrong entries and locks of a holder by card; at most a year's, which the limits keep short.

Of what was typed a digest, keyed as those of codes are."""

ended_locks = Table(
    "ended_locks",
    metadata,
    Column("clearing_id", String(36), primary_key=True),
    Column("holder_ref", String(64), nullable=False),
    Column("card_ref", String(64), nullable=False),
    Column("organisation", String(16), nullable=False),
    Column("actor_ref", String(64), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("note", String(300), nullable=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    Index("ix_ended_locks_holder_ref", "holder_ref", "clearing_id"),
)
"""What RAs ended, when and why, kept 400 days; `note` goes nowhere else. In order of their ids (UUIDv7)."""

told_outcomes = Table(
    "told_outcomes",
    metadata,
    Column("session_id", String(64), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("told_at", UtcDateTime, nullable=False, index=True),
)
"""Which outcomes were told: unique by (session, kind)."""

wrong_entries = Table(
    "wrong_entries",
    metadata,
    Column("entry_id", String(36), primary_key=True),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("card_ref", String(64), nullable=False),
    Column("organisation", String(16), nullable=False),
    Column("network_ref", String(32), nullable=False),
    Index("ix_wrong_entries_organisation", "organisation", "at"),
    Index("ix_wrong_entries_network", "network_ref", "at"),
)
"""A row a wrong entry, kept 24 h: to see guessing that is spread over many cards."""

told_alarms = Table(
    "told_alarms",
    metadata,
    Column("scope", String(16), primary_key=True),
    Column("place", String(32), primary_key=True),
    Column("hour", UtcDateTime, primary_key=True),
)
"""Which alarms were told: unique by scope, place and hour."""

outbox, outbox_position = outbox_tables(metadata)
inbox = inbox_table(metadata)
