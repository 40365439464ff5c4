"""gRPC to use cases and back, for an RA who unlocks a card in person: translation only."""

from typing import Any

from smartcard_unlock.identity.v1 import in_person_pb2 as wire
from smartcard_unlock.identity.v1 import in_person_pb2_grpc

from services.identity.domain.vouch import Basis
from services.identity.servicer import refused_message
from services.identity.use_cases import Refused
from services.identity.use_cases.vouching import Vouching
from services.runtime.errors import invalid
from services.runtime.timestamps import timestamp_of

_BASES: dict[int, Basis] = {wire.VouchBasis.Value(f"VOUCH_BASIS_{basis.value}"): basis for basis in Basis}


class InPersonServicer(in_person_pb2_grpc.InPersonServiceServicer):
    """InPersonService. GrantRefused becomes a status in the server."""

    def __init__(self, vouching: Vouching) -> None:
        self._vouching = vouching

    async def ShowPerson(self, request: wire.ShowPersonRequest, context: Any) -> wire.ShowPersonResponse:  # noqa: N802
        """Say whose card it is."""
        answer = await self._vouching.show(request.profile_grant, request.card_grant)
        if isinstance(answer, Refused):
            return wire.ShowPersonResponse(refused=refused_message(answer))
        person = wire.Person(name=answer.name, organisation=answer.organisation)
        return wire.ShowPersonResponse(person=person)

    async def VouchInPerson(  # noqa: N802
        self, request: wire.VouchInPersonRequest, context: Any
    ) -> wire.VouchInPersonResponse:
        """Take the RA's word."""
        if request.basis not in _BASES:
            raise invalid()
        answer = await self._vouching.vouch(request.profile_grant, request.card_grant, _BASES[request.basis])
        if isinstance(answer, Refused):
            return wire.VouchInPersonResponse(refused=refused_message(answer))
        vouched = wire.Vouched(unlock_grant=answer.unlock_grant, expires_at=timestamp_of(answer.expires_at))
        return wire.VouchInPersonResponse(vouched=vouched)
