"""The Merkle log over the records: leaves, tiles, heads; what waits for a place; the outbox.

Creates today's tables by name, so that a later change of `tables.py` does not change this step.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = ("leaves", "tiles", "heads")


def upgrade() -> None:
    op.create_table("unsequenced", sa.Column("ce_id", sa.Text, primary_key=True))
    _create_log()
    _create_outbox()
    op.execute("INSERT INTO unsequenced SELECT ce_id FROM records")
    for table in APPEND_ONLY:
        if op.get_bind().dialect.name == "postgresql":
            _append_only_on_postgresql(table)
        else:
            _append_only_on_sqlite(table)


def _create_log() -> None:
    op.create_table(
        "leaves",
        sa.Column("leaf_index", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("ce_id", sa.Text, nullable=False, unique=True),
        sa.Column("leaf_hash", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "tiles",
        sa.Column("level", sa.SmallInteger, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("hashes", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("level", "number"),
    )
    op.create_table(
        "heads",
        sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
        sa.Column("peaks", sa.LargeBinary, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("signed_us", sa.BigInteger, nullable=False),
    )


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column(
            "seq",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            primary_key=True,
            autoincrement=True,
        ),
        sa.Column("ce_id", sa.String(36), nullable=False, unique=True),
        sa.Column("ce_type", sa.String(128), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("topic", sa.String(128), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("traceparent", sa.String(55), nullable=False),
        sa.Column("relayseq", sa.BigInteger, nullable=True),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "outbox_position",
        sa.Column("topic", sa.String(128), primary_key=True),
        sa.Column("relayseq", sa.BigInteger, nullable=False),
    )


def _append_only_on_sqlite(table: str) -> None:
    for act in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{act.lower()} BEFORE {act} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )


def _append_only_on_postgresql(table: str) -> None:
    op.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM PUBLIC")
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
