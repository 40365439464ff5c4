"""Route RA_IN_PERSON: the RA who began the session.

It has a default, so that the version before writes its rows as ever.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("ra_ref", sa.String(64), nullable=False, server_default=""))
