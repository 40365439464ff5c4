"""A delivery to test with."""

from datetime import UTC, datetime, timedelta

from services.notifier.domain.delivery import Delivery, Template

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
END = NOON + timedelta(minutes=15)

CODE = Delivery(
    message_id="01970000-0000-7000-8000-000000000001",
    template=Template.CODE,
    session_id="01970000-0000-7000-8000-000000000002",
    holder_ref="0" * 32,
    address_version=3,
    reason="LOCKED",
    made_at=NOON,
    expires_at=END,
    due_at=NOON,
    sealed_code=b"sealed",
)
