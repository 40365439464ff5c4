"""Domain fact → message, topic, key."""

from smartcard_unlock.notifier.v1 import notifier_events_pb2

from services.notifier.domain.delivery import Change, Delivery, News
from services.runtime.outbox import Event

TOPIC = "notifier.events.v1"

_DELIVERY = {
    News.SENT: notifier_events_pb2.DELIVERY_SENT,
    News.NOT_SENT: notifier_events_pb2.DELIVERY_NOT_SENT,
    News.DELAYED: notifier_events_pb2.DELIVERY_DELAYED,
    News.DELIVERED: notifier_events_pb2.DELIVERY_DELIVERED,
    News.BOUNCED: notifier_events_pb2.DELIVERY_BOUNCED,
}


def event_of(delivery: Delivery, change: Change) -> Event:
    """Return the event that tells a change."""
    message = notifier_events_pb2.DeliveryChanged(
        message_id=delivery.message_id,
        template=delivery.template.value,
        session_id=delivery.session_id,
        delivery=_DELIVERY[change.news],
        reason=change.reason,
    )
    message.occurred_at.FromDatetime(change.occurred_at)
    return Event(TOPIC, delivery.session_id, message, change.occurred_at)
