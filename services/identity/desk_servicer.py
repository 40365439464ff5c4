"""The RA's desk, gRPC to use cases and back: translation only."""

from typing import Any

from smartcard_unlock.identity.v1 import ra_desk_pb2 as desk
from smartcard_unlock.identity.v1 import ra_desk_pb2_grpc

from services.identity.domain.desk import FoundHolder, RegistryCard
from services.identity.servicer import refused_message
from services.identity.use_cases import Refused
from services.identity.use_cases.desk import Desk, ShownHolder
from services.runtime.timestamps import timestamp_of


class RaDeskServicer(ra_desk_pb2_grpc.RaDeskServiceServicer):
    """RaDeskService. GrantRefused becomes a status in the server."""

    def __init__(self, lookups: Desk) -> None:
        self._lookups = lookups

    async def FindHolders(  # noqa: N802
        self, request: desk.FindHoldersRequest, context: Any
    ) -> desk.FindHoldersResponse:
        """Find holders of the RA's organisations."""
        answer = await self._lookups.find(request.profile_grant, request.query)
        if isinstance(answer, Refused):
            return desk.FindHoldersResponse(refused=refused_message(answer))
        return desk.FindHoldersResponse(found=map(_found, answer.found), more=answer.more)

    async def GetHolder(  # noqa: N802
        self, request: desk.GetHolderRequest, context: Any
    ) -> desk.GetHolderResponse:
        """Show one holder."""
        answer = await self._lookups.show(request.profile_grant, request.holder_ref)
        if isinstance(answer, Refused):
            return desk.GetHolderResponse(refused=refused_message(answer))
        if isinstance(answer, str):
            return desk.GetHolderResponse(refused_code=answer)
        return desk.GetHolderResponse(holder=_record(answer))


def _found(holder: FoundHolder) -> desk.FoundHolder:
    return desk.FoundHolder(
        holder_ref=holder.holder_ref,
        name=holder.name,
        holder_id=holder.holder_id,
        organisation=holder.organisation,
    )


def _record(shown: ShownHolder) -> desk.HolderRecord:
    record, address = shown.record, shown.record.address
    return desk.HolderRecord(
        holder_ref=record.holder_ref,
        name=record.name,
        holder_id=record.holder_id,
        organisation=record.organisation,
        status=record.status.value,
        oneself=shown.oneself,
        masked_address=shown.masked_address,
        mail_code=shown.mail_code,
        address_set_by=address.set_by if address else "",
        address_set_at=timestamp_of(address.set_at) if address else None,
        cards=map(_card, record.cards),
    )


def _card(card: RegistryCard) -> desk.HolderCard:
    expires = card.certificate_expires_at
    return desk.HolderCard(
        card_ref=card.card_ref,
        status=card.status.value,
        certificate_expires_at=timestamp_of(expires) if expires else None,
    )
