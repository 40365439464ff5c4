"""Audit's tables. Append-only, by triggers, but for `unsequenced`, the roll-ups and the outbox.

Instants are whole microseconds since 1970, UTC, so that both databases compute with them alike.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    and_,
)

from services.runtime.outbox import outbox_tables

METADATA = MetaData()

RECORDS = Table(
    "records",
    METADATA,
    Column("ce_id", Text, primary_key=True),
    Column("ce_type", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("occurred_us", BigInteger, nullable=False),
    Column("relayseq", BigInteger, nullable=False),
    Column("traceparent", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("kafka_offset", BigInteger, nullable=False),
    Column("stored_us", BigInteger, nullable=False),
    # What an outcome says; NULL in other facts. Those of one card have card, holder, organisation and actor.
    Column("session_id", Text),
    Column("kind", Text),
    Column("rank", SmallInteger),
    Column("code", Text),
    Column("reason", Text),
    Column("route", Text),
    Column("card_ref", Text),
    Column("holder_ref", Text),
    Column("organisation", Text),
    Column("actor_kind", Text),
    Column("actor_ref", Text),
    Column("resolved_success", Boolean),
    Column("took_ms", BigInteger),
)

IS_OUTCOME = RECORDS.c.kind.is_not(None)

# One outcome of a kind in a session: this makes "none twice" true. D1.
Index("one_outcome_of_a_kind", RECORDS.c.session_id, RECORDS.c.kind, unique=True,
      sqlite_where=IS_OUTCOME, postgresql_where=IS_OUTCOME)  # fmt: skip

# For the reports: a month of outcomes, and events of one type.
Index("outcomes_by_time", RECORDS.c.occurred_us, sqlite_where=IS_OUTCOME, postgresql_where=IS_OUTCOME)
Index("records_by_type", RECORDS.c.ce_type, RECORDS.c.occurred_us)

# For what is recorded of one card, the newest first.
IS_OF_A_CARD = RECORDS.c.card_ref.is_not(None)
Index("records_by_card", RECORDS.c.card_ref, RECORDS.c.occurred_us, RECORDS.c.ce_id,
      sqlite_where=IS_OF_A_CARD, postgresql_where=IS_OF_A_CARD)  # fmt: skip

BODIES = Table(
    "bodies",
    METADATA,
    Column("ce_id", Text, nullable=False),
    Column("stored_us", BigInteger, nullable=False),  # as its record's; by its month the table is partitioned
    Column("body", LargeBinary, nullable=False),
    PrimaryKeyConstraint("ce_id", "stored_us"),
)
"""The exact bytes of each event, for 400 days."""

SAME_BODY = and_(BODIES.c.ce_id == RECORDS.c.ce_id, BODIES.c.stored_us == RECORDS.c.stored_us)
WITH_BODIES = RECORDS.join(BODIES, SAME_BODY)
"""Records that have their bodies still."""

RETIRED = Table(
    "retired",
    METADATA,
    Column("month", Text, primary_key=True),
    Column("bodies", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),  # of a signed head that covers all of them
    Column("retired_us", BigInteger, nullable=False),
)
"""Months whose bodies were dropped."""

SET_ASIDE = Table(
    "set_aside",
    METADATA,
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("kafka_offset", BigInteger, nullable=False),
    Column("cause", Text, nullable=False),
    Column("headers", Text, nullable=False),  # JSON: [[name, hex], …]
    Column("message_key", LargeBinary),
    Column("body", LargeBinary, nullable=False),
    Column("stored_us", BigInteger, nullable=False, index=True),
    PrimaryKeyConstraint("topic", "partition", "kafka_offset"),
)

LEDGER = Table(
    "ledger",
    METADATA,
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("first_offset", BigInteger, nullable=False),
    Column("last_offset", BigInteger, nullable=False),
    Column("stored_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("topic", "partition", "first_offset", "last_offset"),
)

UNSEQUENCED = Table("unsequenced", METADATA, Column("ce_id", Text, primary_key=True))
"""Records that have no place in the log yet: written with the record, deleted with its leaf."""

LEAVES = Table(
    "leaves",
    METADATA,
    Column("leaf_index", BigInteger, primary_key=True, autoincrement=False),
    Column("ce_id", Text, nullable=False, unique=True),
    Column("leaf_hash", LargeBinary, nullable=False),
)

TILES = Table(
    "tiles",
    METADATA,
    Column("level", SmallInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("hashes", LargeBinary, nullable=False),  # 256 of 32 bytes
    PrimaryKeyConstraint("level", "number"),
)

HEADS = Table(
    "heads",
    METADATA,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("peaks", LargeBinary, nullable=False),  # roots of the perfect subtrees, the largest first
    Column("note", Text, nullable=False),
    Column("signed_us", BigInteger, nullable=False),
)

SPANS = Table(
    "spans",
    METADATA,
    Column("span", Text, primary_key=True),
    Column("changes", BigInteger, nullable=False),
    Column("counted", BigInteger),
)
"""Months and days, `2026-11` and `2026-11-21`: how often the figures may have changed, and how many of these
changes the roll-up has seen."""

SPAN_SUMS = Table(
    "span_sums",
    METADATA,
    Column("span", Text, nullable=False),
    Column("organisation", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("sessions", BigInteger, nullable=False),
    Column("unlocked", BigInteger, nullable=False),
    Column("unlocks", BigInteger, nullable=False),
    Column("repeats", BigInteger, nullable=False),
    Column("took_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("span", "organisation", "reason", "route", "kind", "code"),
)

SPAN_USERS = Table(
    "span_users",
    METADATA,
    Column("organisation", Text, nullable=False),
    Column("holder_ref", Text, nullable=False),
    Column("span", Text, nullable=False),
    PrimaryKeyConstraint("organisation", "holder_ref", "span"),  # different holders are read from the index
    Index("users_of_span", "span"),
)

SPAN_STAGES = Table(
    "span_stages",
    METADATA,
    Column("span", Text, nullable=False),
    Column("ce_type", Text, nullable=False),
    Column("sessions", BigInteger, nullable=False),
    PrimaryKeyConstraint("span", "ce_type"),
)

SPAN_IMPORTS = Table(
    "span_imports",
    METADATA,
    Column("span", Text, nullable=False),
    Column("organisation", Text, nullable=False),
    Column("relayseq", BigInteger, nullable=False),  # of the last import
    Column("eligible", BigInteger, nullable=False),
    PrimaryKeyConstraint("span", "organisation"),
)

ANALYST_RECORDS = Table(
    "analyst_records",
    MetaData(),  # a view: no migration makes it from here
    Column("place", BigInteger),
    Column("event_id", Text),
    Column("event_type", Text),
    *(
        Column(RECORDS.c[name].name, RECORDS.c[name].type)
        for name in (
            "source", "subject", "occurred_us", "stored_us", "session_id", "kind", "rank", "code", "reason",
            "route", "card_ref", "holder_ref", "organisation", "actor_kind", "resolved_success", "took_ms",
        )
    ),
)  # fmt: skip
"""What analysts see: records with their places; no body, no trace, not which RA acted."""

OUTBOX, OUTBOX_POSITION = outbox_tables(METADATA)
