"""Roll-ups of the report on saved hours, by month and day. Empty: the sequencer sums what has ended.

Creates today's tables by name, so that a later change of `tables.py` does not change this step.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "spans",
        sa.Column("span", sa.Text, primary_key=True),
        sa.Column("changes", sa.BigInteger, nullable=False),
        sa.Column("counted", sa.BigInteger),
    )
    keys = ("organisation", "reason", "route", "kind", "code")
    counts = ("sessions", "unlocked", "unlocks", "repeats", "took_ms")
    _create("span_sums", ("span", *keys), counts)
    _create("span_users", ("organisation", "holder_ref", "span"), ())
    op.create_index("users_of_span", "span_users", ["span"])
    _create("span_stages", ("span", "ce_type"), ("sessions",))
    _create("span_imports", ("span", "organisation"), ("relayseq", "eligible"))


def _create(table: str, words: tuple[str, ...], numbers: tuple[str, ...]) -> None:
    op.create_table(
        table,
        *(sa.Column(name, sa.Text, nullable=False) for name in words),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in numbers),
        sa.PrimaryKeyConstraint(*words),
    )
