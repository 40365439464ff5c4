"""Topic to use case: how the delivery of codes stands, as the notifier tells it."""

from smartcard_unlock.notifier.v1 import notifier_events_pb2 as notifier

from services.otp.domain.code import Delivery
from services.otp.use_cases import OneTimeCodes
from services.runtime.cloud_events import Received

TOPIC = "notifier.events.v1"
GROUP = "otp"

CODE_TEMPLATE = "code"

_DELIVERIES = {
    notifier.DELIVERY_SENT: Delivery.SENT,
    notifier.DELIVERY_NOT_SENT: Delivery.NOT_SENT,
    notifier.DELIVERY_DELAYED: Delivery.QUEUED,
    notifier.DELIVERY_DELIVERED: Delivery.DELIVERED,
    notifier.DELIVERY_BOUNCED: Delivery.BOUNCED,
}
"""Words that only newer services know change nothing."""


class DeliveryConsumer:
    """Takes DeliveryChanged of codes; leaves everything else alone."""

    def __init__(self, codes: OneTimeCodes) -> None:
        self._codes = codes

    async def handle(self, event: Received) -> None:
        """Note a delivery. Raises Unreadable for a message that is not one."""
        if event.ce_type != notifier.DeliveryChanged.DESCRIPTOR.full_name:
            return
        message = event.parse(notifier.DeliveryChanged)
        delivery = _DELIVERIES.get(message.delivery)
        if message.template != CODE_TEMPLATE or delivery is None:
            return
        await self._codes.delivery_changed(event.ce_id, message.message_id, delivery, message.reason)
