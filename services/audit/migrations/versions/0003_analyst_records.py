"""What analysts see: records that have a place, without body, trace or who acted."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

VIEW = """
CREATE VIEW analyst_records AS
SELECT leaves.leaf_index AS place, records.ce_id AS event_id, records.ce_type AS event_type, records.source,
  records.subject, records.occurred_us, records.stored_us, records.session_id, records.kind, records.rank,
  records.code, records.reason, records.route, records.card_ref, records.holder_ref, records.organisation,
  records.actor_kind, records.resolved_success, records.took_ms
FROM leaves JOIN records ON records.ce_id = leaves.ce_id
"""


def upgrade() -> None:
    op.execute(VIEW)
