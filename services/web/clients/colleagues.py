"""identity's answers to a holder who asks colleagues to vouch, and to those colleagues, over gRPC."""

import grpc
from smartcard_unlock.identity.v1 import colleagues_pb2, colleagues_pb2_grpc

from services.web import ports
from services.web.clients.identity import refused_of
from services.web.clients.wire import instant
from services.web.ports import ColleaguesAsked, Person, Refused, WordGiven


class GrpcColleagues(ports.Colleagues):
    """AskColleagues, ShowAsker and VouchForColleague."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = colleagues_pb2_grpc.ColleagueServiceStub(channel)

    async def ask(self, card_grant: str) -> ColleaguesAsked | Refused:
        """Ask colleagues, or tell how it stands."""
        response = await self._stub.AskColleagues(colleagues_pb2.AskColleaguesRequest(card_grant=card_grant))
        if response.WhichOneof("verdict") != "asked":
            return refused_of(response.refused)
        asked = response.asked
        return ColleaguesAsked(
            code=asked.code,
            expires_at=instant(asked.expires_at),
            words_given=asked.words_given,
            words_needed=asked.words_needed,
            unlock_grant=asked.unlock_grant,
        )

    async def asker(self, profile_grant: str, code: str) -> Person | Refused:
        """Say who asked by this code."""
        request = colleagues_pb2.ShowAskerRequest(profile_grant=profile_grant, code=code)
        response = await self._stub.ShowAsker(request)
        if response.WhichOneof("verdict") == "person":
            return Person(response.person.name, response.person.organisation)
        return refused_of(response.refused)

    async def vouch(self, profile_grant: str, code: str, basis: str) -> WordGiven | Refused:
        """Give the colleague's word."""
        request = colleagues_pb2.VouchForColleagueRequest(
            profile_grant=profile_grant,
            code=code,
            basis=colleagues_pb2.ColleagueBasis.Value(f"COLLEAGUE_BASIS_{basis}"),
        )
        response = await self._stub.VouchForColleague(request)
        if response.WhichOneof("verdict") == "given":
            return WordGiven(response.given.words_given, response.given.words_needed)
        return refused_of(response.refused)
