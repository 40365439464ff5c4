"""An index for what is recorded of one card.

On PostgreSQL it is built while records go on being stored, which no transaction may hold.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    of_a_card = sa.text("card_ref IS NOT NULL")
    with op.get_context().autocommit_block():
        op.drop_index(
            "records_by_card", "records", if_exists=True
        )  # what a stopped build leaves is not valid
        op.create_index(
            "records_by_card",
            "records",
            ["card_ref", "occurred_us", "ce_id"],
            sqlite_where=of_a_card,
            postgresql_where=of_a_card,
            postgresql_concurrently=True,
        )
