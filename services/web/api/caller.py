"""Who calls: a session token, opened; and the session behind it, at the step that was asked for."""

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from services.web.api.told import Step, step_of
from services.web.domain.journey import AFTERLIFE, Journey
from services.web.ports import Claimed, Peers, SessionView
from services.web.security import client_address
from services.web.sessions import CookieSealer
from services.web.use_cases import Stop
from services.web.visit import House

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="session_token",
    bearerFormat="opaque",
    description="`session_token` of `POST /sessions`. Nothing else opens a session: cookies are not read.",
)


@dataclass(frozen=True)
class Caller:
    """The front end of one holder, with the session it claimed."""

    house: House
    session_id: str
    claim: str = field(repr=False)
    client_address: str = field(repr=False)
    """As guesses and codes are counted by it."""

    @property
    def peers(self) -> Peers:
        """The processes that this call may ask."""
        return self.house.peers

    @property
    def held(self) -> tuple[str, str]:
        """Return the session's id, and the claim to it."""
        return self.session_id, self.claim

    async def view(self, *, since: int = 0, wait: int = 0) -> SessionView:
        """Show the session."""
        return await self.peers.gateway.get_session(*self.held, since=since, wait=wait)

    async def view_at(self, *steps: Step) -> SessionView:
        """Show the session where it is at one of these steps; refuses where it is not."""
        view = await self.view()
        if step_of(view) not in steps:
            raise Stop("WRONG_STATE")
        return view


def house_of(request: Request) -> House:
    """Return what every call shares."""
    house: House = request.app.state.house
    return house


def client_address_of(request: Request) -> str:
    """Return where a call comes from, as guesses and searches are counted by it."""
    forwarded = request.headers.get("x-forwarded-for", "")
    return client_address(request.scope, forwarded, house_of(request).settings.TRUSTED_HOPS)


def session_token(request: Request, claimed: Claimed) -> str:
    """Return the token of a session that was claimed; it ends with the session's last page."""
    tokens: CookieSealer = request.app.state.tokens
    return tokens.seal(
        Journey(
            ends_at=claimed.deadline + AFTERLIFE,
            csrf="",
            attempt_id="",
            session_id=claimed.session_id,
            claim=claimed.claim,
        )
    )


def _caller(
    request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    house, tokens = house_of(request), request.app.state.tokens
    journey = tokens.open(given.credentials, house.clock.now()) if given else None
    if journey is None:
        raise Stop("SESSION_EXPIRED")
    return Caller(house, journey.session_id, journey.claim, client_address_of(request))


OfSession = Annotated[Caller, Depends(_caller)]
ClientAddress = Annotated[str, Depends(client_address_of)]
OfHouse = Annotated[House, Depends(house_of)]
