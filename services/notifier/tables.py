"""Notifier's tables. No address and no code in clear: the sealed code goes when its message ends."""

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, MetaData, String, Table

from services.runtime.database import UtcDateTime
from services.runtime.inbox import inbox_table
from services.runtime.outbox import outbox_tables

METADATA = MetaData()

DELIVERIES = Table(
    "deliveries",
    METADATA,
    Column("message_id", String(64), primary_key=True),
    Column("template", String(32), nullable=False),
    Column("session_id", String(64), nullable=False),
    Column("holder_ref", String(64), nullable=False),
    Column("address_version", Integer, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("sealed_code", LargeBinary),
    Column("state", String(16), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("delay_told", Boolean, nullable=False),
    Column("ended_at", UtcDateTime, index=True),
    Column("claimed_by", String(128)),
    Column("sealed_particulars", LargeBinary),
    Column("return_token", String(24), nullable=False, server_default="", index=True),
    Column("held_by", String(16), nullable=False, server_default=""),
    Column("card_ref", String(32), nullable=False, server_default=""),
)

IS_QUEUED = DELIVERIES.c.state == "QUEUED"

Index("deliveries_due", DELIVERIES.c.due_at, sqlite_where=IS_QUEUED, postgresql_where=IS_QUEUED)

INBOX = inbox_table(METADATA)
OUTBOX, OUTBOX_POSITION = outbox_tables(METADATA)
