"""SessionService: the mTLS listener."""

from typing import Any

from smartcard_unlock.card_gateway.v1 import card_gateway_pb2 as wire
from smartcard_unlock.card_gateway.v1 import card_gateway_pb2_grpc

from services.card_gateway.domain.session import Card
from services.card_gateway.domain.words import SecretLabel
from services.card_gateway.events import label
from services.card_gateway.servicer import words
from services.card_gateway.use_cases.claiming import Caller, Claiming, Pairing
from services.card_gateway.use_cases.making import Wish
from services.card_gateway.use_cases.pages import Pages
from services.card_gateway.use_cases.signing_in import SigningIn
from services.runtime.timestamps import timestamp_of
from services.runtime.words import matching_words


class SessionServicer(card_gateway_pb2_grpc.SessionServiceServicer):
    """StartSession, GetSession, ChangeReason, Authorise, ResetPin and ProveHolder."""

    def __init__(self, claiming: Claiming, pages: Pages, signing_in: SigningIn) -> None:
        self._claiming = claiming
        self._pages = pages
        self._signing_in = signing_in

    async def StartSession(  # noqa: N802
        self, request: wire.StartSessionRequest, context: Any
    ) -> wire.StartSessionResponse:
        """Claim a session."""
        found = await self._claiming.start_session(
            Pairing(request.address_token, request.pairing_code),
            Caller(words.reason_of(request.reason), words.route_of(request.route), request.profile_grant),
            words.attempt_of(request.attempt_id),
            request.client_address,
        )
        if isinstance(found, str):
            return wire.StartSessionResponse(refused_code=found)
        session = found.session
        claimed = wire.SessionClaimed(
            session_id=session.session_id,
            claim=found.claim,
            deadline=timestamp_of(session.deadline),
            agent_public_key=session.agent_public_key,
            words=matching_words(session.session_id, session.agent_public_key),
        )
        return wire.StartSessionResponse(claimed=claimed)

    async def GetSession(  # noqa: N802
        self, request: wire.GetSessionRequest, context: Any
    ) -> wire.GetSessionResponse:
        """Show a session, or wait for a newer version of it."""
        seen = await self._pages.get_session(
            request.session_id, request.claim, request.since, request.wait_seconds
        )
        session = seen.session
        return wire.GetSessionResponse(
            version=session.version,
            state=words.session_state(session.state),
            code=session.code,
            reader=words.reader_state(seen.reader),
            card=_card(session.card) if session.card else None,
            card_grant=seen.card_grant,
            resolved_success=session.resolved_success,
            deadline=timestamp_of(session.deadline),
            words=matching_words(session.session_id, session.agent_public_key),
            agent_public_key=session.agent_public_key,
            reason=words.reason(session.reason),
            route=words.route(session.route),
            secret_label=label(session.label if session.ended_at else SecretLabel.NONE),
            objection=seen.objection,
            code_needed=seen.code_needed,
            pin_at_agent=seen.pin_at_agent,
        )

    async def ChangeReason(  # noqa: N802
        self, request: wire.ChangeReasonRequest, context: Any
    ) -> wire.ChangeReasonResponse:
        """Take another reason."""
        refused = await self._pages.change_reason(
            request.session_id,
            request.claim,
            words.reason_of(request.reason),
            words.attempt_of(request.attempt_id),
        )
        return wire.ChangeReasonResponse(refused_code=refused)

    async def Authorise(  # noqa: N802
        self, request: wire.AuthoriseRequest, context: Any
    ) -> wire.AuthoriseResponse:
        """Spend an UnlockGrant."""
        refused = await self._pages.authorise(
            request.session_id,
            request.claim,
            request.unlock_grant,
            request.holder_grant,
            words.attempt_of(request.attempt_id),
        )
        return wire.AuthoriseResponse(refused_code=refused)

    async def ResetPin(  # noqa: N802
        self, request: wire.ResetPinRequest, context: Any
    ) -> wire.ResetPinResponse:
        """Ask for a new PIN."""
        wish = Wish(
            sealed_pin=request.sealed_pin,
            attempt_id=words.attempt_of(request.attempt_id),
            sealed_current_pin=request.sealed_current_pin,
            last_try=request.spend_last_try,
        )
        refused = await self._pages.reset_pin(request.session_id, request.claim, wish, request.holder_grant)
        return wire.ResetPinResponse(refused_code=refused)

    async def ProveHolder(  # noqa: N802
        self, request: wire.ProveHolderRequest, context: Any
    ) -> wire.ProveHolderResponse:
        """Ask for a proof of the holder."""
        wish = Wish(
            sealed_pin=b"",
            attempt_id=words.attempt_of(request.attempt_id),
            sealed_current_pin=request.sealed_current_pin,
            last_try=request.spend_last_try,
        )
        refused = await self._signing_in.prove_holder(request.session_id, request.claim, wish)
        return wire.ProveHolderResponse(refused_code=refused)


def _card(card: Card) -> wire.CardFacts:
    return wire.CardFacts(
        last_four=card.last_four,
        pin_tries_left=card.pin_tries_left,
        pin_blocked=card.blocked_now,
        certificate_expires_at=timestamp_of(card.certificate_expires_at),
    )
