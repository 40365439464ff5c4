"""identity's desk for Registration Authorities, over gRPC."""

import grpc
from smartcard_unlock.identity.v1 import ra_desk_pb2 as desk
from smartcard_unlock.identity.v1 import ra_desk_pb2_grpc

from services.web import ports
from services.web.clients.identity import refused_of
from services.web.clients.wire import instant
from services.web.ports import FoundHolder, FoundHolders, HolderCard, HolderRecord, Refused


class GrpcDesk(ports.Desk):
    """The desk."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = ra_desk_pb2_grpc.RaDeskServiceStub(channel)

    async def find_holders(self, profile_grant: str, typed: str) -> FoundHolders | Refused:
        """Find holders of the RA's organisations."""
        request = desk.FindHoldersRequest(profile_grant=profile_grant, query=typed)
        response = await self._stub.FindHolders(request)
        if response.HasField("refused"):
            return refused_of(response.refused)
        found = (FoundHolder(h.holder_ref, h.name, h.holder_id, h.organisation) for h in response.found)
        return FoundHolders(tuple(found), response.more)

    async def holder(self, profile_grant: str, holder_ref: str) -> HolderRecord | Refused:
        """Show a holder of the RA's organisations."""
        request = desk.GetHolderRequest(profile_grant=profile_grant, holder_ref=holder_ref)
        response = await self._stub.GetHolder(request)
        match response.WhichOneof("verdict"):
            case "holder":
                return _record(response.holder)
            case "refused":
                return refused_of(response.refused)
        return Refused(response.refused_code or "INTERNAL")


def _record(record: desk.HolderRecord) -> HolderRecord:
    return HolderRecord(
        holder_ref=record.holder_ref,
        name=record.name,
        holder_id=record.holder_id,
        organisation=record.organisation,
        status=record.status,
        oneself=record.oneself,
        masked_address=record.masked_address,
        mail_code=record.mail_code,
        address_set_by=record.address_set_by,
        address_set_at=instant(record.address_set_at) if record.HasField("address_set_at") else None,
        cards=tuple(map(_card, record.cards)),
    )


def _card(card: desk.HolderCard) -> HolderCard:
    named = card.HasField("certificate_expires_at")
    return HolderCard(card.card_ref, card.status, instant(card.certificate_expires_at) if named else None)
