"""Asks identity, at the moment of sending, where a message may go."""

from smartcard_unlock.identity.v1 import identity_pb2, identity_pb2_grpc

from services.notifier.domain.delivery import Delivery, Template
from services.notifier.ports import AddressChanged, NoAddress, Unreachable
from services.runtime.errors import ServiceError

_KIND = {
    Template.ADDRESS_CHANGED: identity_pb2.MESSAGE_KIND_ADDRESS_CHANGED,
    Template.WAS_THIS_YOU: identity_pb2.MESSAGE_KIND_UNLOCKED,
    Template.CARD_FROZEN: identity_pb2.MESSAGE_KIND_CARD_FROZEN,
    Template.REGISTERED: identity_pb2.MESSAGE_KIND_UNLOCKED,
    Template.ANSWERS_LOCKED: identity_pb2.MESSAGE_KIND_UNLOCKED,
    Template.ADDRESS_SET_BY_RA: identity_pb2.MESSAGE_KIND_RA_TEAM,
    Template.ADDRESS_WAITS: identity_pb2.MESSAGE_KIND_RA_TEAM,
    Template.LET_THROUGH: identity_pb2.MESSAGE_KIND_RA_TEAM,
}


class IdentityAddresses:
    """identity's GetDeliveryAddress, by mTLS."""

    def __init__(self, identity: identity_pb2_grpc.IdentityServiceStub) -> None:
        self._identity = identity

    async def address_of(self, delivery: Delivery) -> tuple[str, str]:
        """Return the address of the version meant, and the token that freezes a card, where one goes with it.

        Raises AddressChanged, NoAddress, Unreachable.
        """
        request = identity_pb2.GetDeliveryAddressRequest(
            holder_ref=delivery.holder_ref,
            address_version=delivery.address_version,
            cause_id=delivery.message_id,
            card_ref=delivery.card_ref,
            kind=_KIND.get(delivery.template, identity_pb2.MESSAGE_KIND_UNSPECIFIED),
        )
        try:
            answer = await self._identity.GetDeliveryAddress(request)
        except ServiceError as error:
            raise Unreachable from error
        if answer.WhichOneof("verdict") == "address":
            return answer.address, answer.freeze_token
        raise AddressChanged if answer.refused_code == "ADDRESS_CHANGED" else NoAddress
