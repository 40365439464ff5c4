import pytest
from google.protobuf.message import Message
from smartcard_unlock.common.v1 import common_pb2
from smartcard_unlock.notifier.v1 import notifier_events_pb2 as notifier

from services.otp.consumer import TOPIC, DeliveryConsumer
from services.otp.domain.code import Delivery
from services.otp.domain.status import Status
from services.runtime.cloud_events import Received, Unreadable
from tests.fakes.clock import NOON
from tests.ports.otp.world import World


def received(message: Message, ce_id: str = "one", value: bytes | None = None) -> Received:
    return Received(
        ce_id=ce_id,
        ce_type=message.DESCRIPTOR.full_name,
        source="notifier",
        subject="session",
        time=NOON,
        value=message.SerializeToString() if value is None else value,
        topic=TOPIC,
        partition=0,
        offset=0,
        traceparent="",
        relayseq=1,
    )


def changed(
    code_id: str, delivery: notifier.Delivery.ValueType, template: str = "code", reason: str = ""
) -> Message:
    return notifier.DeliveryChanged(message_id=code_id, template=template, delivery=delivery, reason=reason)


async def stands(world: World) -> tuple[Delivery, str]:
    status = await world.codes.status(world.grant())
    assert isinstance(status, Status)
    return status.delivery, status.delivery_reason


async def test_F13_the_page_is_told_what_became_of_the_mail(world: World) -> None:
    issued = await world.issue()
    consumer = DeliveryConsumer(world.codes)
    steps = [
        (
            changed(issued.code_id, notifier.DELIVERY_DELAYED, reason="MAIL_UNREACHABLE"),
            (Delivery.QUEUED, "MAIL_UNREACHABLE"),
        ),
        (changed(issued.code_id, notifier.DELIVERY_SENT), (Delivery.SENT, "")),
        (
            changed(issued.code_id, notifier.DELIVERY_NOT_SENT, reason="MAIL_REFUSED"),
            (Delivery.NOT_SENT, "MAIL_REFUSED"),
        ),
    ]

    for number, (message, expected) in enumerate(steps):
        await consumer.handle(received(message, ce_id=str(number)))
        assert await stands(world) == expected


async def test_I6_a_repeat_that_comes_late_changes_nothing(world: World) -> None:
    issued = await world.issue()
    consumer = DeliveryConsumer(world.codes)
    sent = received(changed(issued.code_id, notifier.DELIVERY_SENT), ce_id="sent")
    await consumer.handle(sent)
    await consumer.handle(
        received(changed(issued.code_id, notifier.DELIVERY_NOT_SENT, reason="EXPIRED"), "late")
    )
    await consumer.handle(sent)

    assert await stands(world) == (Delivery.NOT_SENT, "EXPIRED")


@pytest.mark.parametrize("template", ["was-this-you", ""])
async def test_other_messages_of_the_notifier_are_left_alone(world: World, template: str) -> None:
    issued = await world.issue()
    consumer = DeliveryConsumer(world.codes)

    await consumer.handle(received(changed(issued.code_id, notifier.DELIVERY_SENT, template)))
    await consumer.handle(received(common_pb2.SessionOutcome(session_id=issued.code_id)))

    assert await stands(world) == (Delivery.QUEUED, "")


async def test_a_delivery_of_a_code_that_is_gone_is_no_fault(world: World) -> None:
    await DeliveryConsumer(world.codes).handle(received(changed("gone", notifier.DELIVERY_SENT)))


async def test_F21_a_state_of_a_later_version_is_tolerated(world: World) -> None:
    issued = await world.issue()
    later = changed(issued.code_id, notifier.Delivery.ValueType(99))

    await DeliveryConsumer(world.codes).handle(received(later))

    assert await stands(world) == (Delivery.QUEUED, "")


async def test_F25_a_message_that_is_none_is_unreadable(world: World) -> None:
    with pytest.raises(Unreadable):
        await DeliveryConsumer(world.codes).handle(
            received(notifier.DeliveryChanged(), value=b"\xff\xff\xff")
        )
