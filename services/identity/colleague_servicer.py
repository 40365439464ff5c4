"""gRPC to use cases and back, for colleagues who vouch from afar: translation only."""

from typing import Any

from smartcard_unlock.identity.v1 import colleagues_pb2 as wire
from smartcard_unlock.identity.v1 import colleagues_pb2_grpc, in_person_pb2

from services.identity.domain.colleagues import Basis
from services.identity.servicer import refused_message
from services.identity.use_cases import Refused
from services.identity.use_cases.asking_colleagues import Asking
from services.identity.use_cases.colleagues import Colleagues
from services.runtime.errors import invalid
from services.runtime.timestamps import timestamp_of

_BASES: dict[int, Basis] = {
    wire.ColleagueBasis.Value(f"COLLEAGUE_BASIS_{basis.value}"): basis for basis in Basis
}


class ColleagueServicer(colleagues_pb2_grpc.ColleagueServiceServicer):
    """ColleagueService. GrantRefused becomes a status in the server."""

    def __init__(self, asking: Asking, colleagues: Colleagues) -> None:
        self._asking = asking
        self._colleagues = colleagues

    async def AskColleagues(  # noqa: N802
        self, request: wire.AskColleaguesRequest, context: Any
    ) -> wire.AskColleaguesResponse:
        """Show the code, and how many have vouched."""
        answer = await self._asking.ask(request.card_grant)
        if isinstance(answer, Refused):
            return wire.AskColleaguesResponse(refused=refused_message(answer))
        asked = wire.Asked(
            code=answer.code,
            expires_at=timestamp_of(answer.expires_at),
            words_given=answer.given,
            words_needed=answer.needed,
            unlock_grant=answer.unlock_grant,
        )
        return wire.AskColleaguesResponse(asked=asked)

    async def ShowAsker(self, request: wire.ShowAskerRequest, context: Any) -> wire.ShowAskerResponse:  # noqa: N802
        """Say whose code it is."""
        answer = await self._colleagues.show(request.profile_grant, request.code)
        if isinstance(answer, Refused):
            return wire.ShowAskerResponse(refused=refused_message(answer))
        person = in_person_pb2.Person(name=answer.name, organisation=answer.organisation)
        return wire.ShowAskerResponse(person=person)

    async def VouchForColleague(  # noqa: N802
        self, request: wire.VouchForColleagueRequest, context: Any
    ) -> wire.VouchForColleagueResponse:
        """Take the colleague's word."""
        if request.basis not in _BASES:
            raise invalid()
        answer = await self._colleagues.vouch(request.profile_grant, request.code, _BASES[request.basis])
        if isinstance(answer, Refused):
            return wire.VouchForColleagueResponse(refused=refused_message(answer))
        given = wire.Given(words_given=answer.given, words_needed=answer.needed)
        return wire.VouchForColleagueResponse(given=given)
