"""`catch-up` of notifier: what was told as sent or given up since the copy is so again, and mailed to nobody.

The event that a mail was about is noted as taken, so that its topic may be read again for what was lost.
"""

from smartcard_unlock.notifier.v1 import notifier_events_pb2 as told
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.domain.delivery import State, Template
from services.notifier.events import TOPIC
from services.notifier.tables import DELIVERIES, INBOX, OUTBOX, OUTBOX_POSITION
from services.runtime.catching_up import Books
from services.runtime.cloud_events import Received
from services.runtime.inbox import first_time
from services.runtime.timestamps import instant_of

BOOKS = (Books(OUTBOX, OUTBOX_POSITION, TOPIC),)


async def again(connection: AsyncConnection, event: Received) -> bool:
    """Do one event again. Raises Unreadable."""
    if event.ce_type != told.DeliveryChanged.DESCRIPTOR.full_name:
        return False
    change = event.parse(told.DeliveryChanged)
    at = instant_of(change.occurred_at)
    if change.template != Template.CODE:
        await first_time(connection, INBOX, change.message_id.partition(".")[0], at)
    mine = DELIVERIES.c.message_id == change.message_id
    if change.delivery == told.DELIVERY_DELAYED:
        stands = update(DELIVERIES).where(mine).values(delay_told=True)
    else:
        state = State(told.Delivery.Name(change.delivery).removeprefix("DELIVERY_"))
        stands = update(DELIVERIES).where(mine)
        stands = stands.values(state=state, ended_at=at, sealed_code=None, sealed_particulars=None)
    return await connection.scalar(stands.returning(DELIVERIES.c.message_id)) is not None
