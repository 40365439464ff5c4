"""identity's answers to an RA who unlocks a card in person, over gRPC."""

import grpc
from smartcard_unlock.identity.v1 import in_person_pb2, in_person_pb2_grpc

from services.web import ports
from services.web.clients.identity import refused_of
from services.web.ports import Person, Refused


class GrpcInPerson(ports.InPerson):
    """ShowPerson and VouchInPerson."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = in_person_pb2_grpc.InPersonServiceStub(channel)

    async def person(self, profile_grant: str, card_grant: str) -> Person | Refused:
        """Say whose card it is."""
        request = in_person_pb2.ShowPersonRequest(profile_grant=profile_grant, card_grant=card_grant)
        response = await self._stub.ShowPerson(request)
        if response.WhichOneof("verdict") == "person":
            return Person(response.person.name, response.person.organisation)
        return refused_of(response.refused)

    async def vouch(self, profile_grant: str, card_grant: str, basis: str) -> str | Refused:
        """Give the RA's word; the UnlockGrant for it."""
        request = in_person_pb2.VouchInPersonRequest(
            profile_grant=profile_grant,
            card_grant=card_grant,
            basis=in_person_pb2.VouchBasis.Value(f"VOUCH_BASIS_{basis}"),
        )
        response = await self._stub.VouchInPerson(request)
        if response.WhichOneof("verdict") == "vouched":
            return response.vouched.unlock_grant
        return refused_of(response.refused)
