"""Records, messages set aside, ledger; all append-only.

Creates today's tables by name, so that a later change of `tables.py` does not change this step.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = ("records", "set_aside", "ledger")


def upgrade() -> None:
    _create_records()
    _create_set_aside()
    _create_ledger()
    if op.get_bind().dialect.name == "postgresql":
        _append_only_on_postgresql()
    else:
        _append_only_on_sqlite()


def _create_records() -> None:
    op.create_table(
        "records",
        sa.Column("ce_id", sa.Text, primary_key=True),
        sa.Column("ce_type", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("occurred_us", sa.BigInteger, nullable=False),
        sa.Column("relayseq", sa.BigInteger, nullable=False),
        sa.Column("traceparent", sa.Text, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("kafka_offset", sa.BigInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("stored_us", sa.BigInteger, nullable=False),
        sa.Column("session_id", sa.Text),
        sa.Column("kind", sa.Text),
        sa.Column("rank", sa.SmallInteger),
        sa.Column("code", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("route", sa.Text),
        sa.Column("card_ref", sa.Text),
        sa.Column("holder_ref", sa.Text),
        sa.Column("organisation", sa.Text),
        sa.Column("actor_kind", sa.Text),
        sa.Column("actor_ref", sa.Text),
        sa.Column("resolved_success", sa.Boolean),
        sa.Column("took_ms", sa.BigInteger),
    )
    only_outcomes = sa.text("kind IS NOT NULL")
    op.create_index(
        "one_outcome_of_a_kind",
        "records",
        ["session_id", "kind"],
        unique=True,
        sqlite_where=only_outcomes,
        postgresql_where=only_outcomes,
    )


def _create_set_aside() -> None:
    op.create_table(
        "set_aside",
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("kafka_offset", sa.BigInteger, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("headers", sa.Text, nullable=False),
        sa.Column("message_key", sa.LargeBinary),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("stored_us", sa.BigInteger, nullable=False, index=True),
        sa.PrimaryKeyConstraint("topic", "partition", "kafka_offset"),
    )


def _create_ledger() -> None:
    op.create_table(
        "ledger",
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("partition", sa.Integer, nullable=False),
        sa.Column("first_offset", sa.BigInteger, nullable=False),
        sa.Column("last_offset", sa.BigInteger, nullable=False),
        sa.Column("stored_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("topic", "partition", "first_offset", "last_offset"),
    )


def _append_only_on_sqlite() -> None:
    for table in TABLES:
        for act in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _append_only_on_postgresql() -> None:
    # A trigger binds the owner too; the service's own role gets INSERT and SELECT only (docs/security.md).
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in TABLES:
        op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM PUBLIC")
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
