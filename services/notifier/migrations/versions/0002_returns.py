"""What travels beside a code, where a mail may be returned to, and who may have it already.

Columns have defaults, so that the version before writes its rows as ever.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("sealed_particulars", sa.LargeBinary))
    op.add_column("deliveries", sa.Column("return_token", sa.String(24), nullable=False, server_default=""))
    op.add_column("deliveries", sa.Column("held_by", sa.String(16), nullable=False, server_default=""))
    op.create_index("ix_deliveries_return_token", "deliveries", ["return_token"])
