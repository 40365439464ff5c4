"""Indexes for the reports: a month of outcomes, and events of one type.

On PostgreSQL they are built while records go on being stored, which no transaction may hold.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    only_outcomes = sa.text("kind IS NOT NULL")
    with op.get_context().autocommit_block():
        for name, columns, where in (
            ("outcomes_by_time", ["occurred_us"], only_outcomes),
            ("records_by_type", ["ce_type", "occurred_us"], None),
        ):
            op.drop_index(name, "records", if_exists=True)  # what a stopped build leaves is not valid
            op.create_index(
                name,
                "records",
                columns,
                sqlite_where=where,
                postgresql_where=where,
                postgresql_concurrently=True,
            )
