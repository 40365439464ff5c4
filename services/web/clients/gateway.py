"""card_gateway, over gRPC."""

from collections.abc import Mapping

import grpc
from smartcard_unlock.card_gateway.v1 import card_gateway_pb2 as sessions_pb2
from smartcard_unlock.card_gateway.v1 import card_gateway_pb2_grpc
from smartcard_unlock.common.v1 import common_pb2

from services.runtime import errors
from services.runtime.grpc_client import DEADLINE_SECONDS
from services.web import ports
from services.web.clients.wire import instant, named
from services.web.domain.journey import Reason, State
from services.web.ports import Claimed, Reader, Refused, SessionView

_REASONS: Mapping[Reason, "common_pb2.Reason.ValueType"] = {
    Reason.LOCKED: common_pb2.REASON_LOCKED,
    Reason.FORGOTTEN: common_pb2.REASON_FORGOTTEN,
    Reason.CHANGE: common_pb2.REASON_CHANGE,
    Reason.SIGN_IN: common_pb2.REASON_SIGN_IN,
}
_REASONS_BACK = {number: reason for reason, number in _REASONS.items()}


class GrpcGateway(ports.Gateway):
    """card_gateway."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = card_gateway_pb2_grpc.SessionServiceStub(channel)

    async def start_session(
        self,
        *,
        address_token: str,
        pairing_code: str,
        reason: Reason,
        attempt_id: str,
        client_address: str,
        profile_grant: str = "",
    ) -> Claimed | Refused:
        """Claim the session an agent offers."""
        request = sessions_pb2.StartSessionRequest(
            reason=_REASONS[reason],
            route=common_pb2.ROUTE_RA_IN_PERSON if profile_grant else common_pb2.ROUTE_SELF,
            attempt_id=attempt_id,
            client_address=client_address,
            profile_grant=profile_grant,
        )
        if pairing_code:
            request.pairing_code = pairing_code
        else:
            request.address_token = address_token
        response = await self._stub.StartSession(request)
        if response.WhichOneof("verdict") == "claimed":
            claimed = response.claimed
            return Claimed(claimed.session_id, claimed.claim, instant(claimed.deadline))
        return Refused(response.refused_code or "INTERNAL")

    async def get_session(self, session_id: str, claim: str, *, since: int = 0, wait: int = 0) -> SessionView:
        """Show the session."""
        request = sessions_pb2.GetSessionRequest(
            session_id=session_id, claim=claim, since=since, wait_seconds=wait
        )
        return _view(await self._stub.GetSession(request, timeout=DEADLINE_SECONDS + wait))

    async def authorise(
        self, session_id: str, claim: str, *, unlock_grant: str, holder_grant: str, attempt_id: str
    ) -> Refused | None:
        """Spend an UnlockGrant."""
        request = sessions_pb2.AuthoriseRequest(
            session_id=session_id,
            claim=claim,
            unlock_grant=unlock_grant,
            holder_grant=holder_grant,
            attempt_id=attempt_id,
        )
        response = await self._stub.Authorise(request)
        return Refused(response.refused_code) if response.refused_code else None

    async def reset_pin(
        self,
        session_id: str,
        claim: str,
        *,
        sealed_pin: bytes,
        holder_grant: str,
        attempt_id: str,
        sealed_current_pin: bytes = b"",
        spend_last_try: bool = False,
    ) -> Refused | None:
        """Have the agent set a new PIN."""
        request = sessions_pb2.ResetPinRequest(
            session_id=session_id,
            claim=claim,
            sealed_pin=sealed_pin,
            holder_grant=holder_grant,
            attempt_id=attempt_id,
            sealed_current_pin=sealed_current_pin,
            spend_last_try=spend_last_try,
        )
        response = await self._stub.ResetPin(request)
        return Refused(response.refused_code) if response.refused_code else None

    async def prove_holder(
        self,
        session_id: str,
        claim: str,
        *,
        sealed_current_pin: bytes,
        attempt_id: str,
        spend_last_try: bool = False,
    ) -> Refused | None:
        """Have the card verify its PIN and sign as its holder."""
        request = sessions_pb2.ProveHolderRequest(
            session_id=session_id,
            claim=claim,
            sealed_current_pin=sealed_current_pin,
            attempt_id=attempt_id,
            spend_last_try=spend_last_try,
        )
        response = await self._stub.ProveHolder(request)
        return Refused(response.refused_code) if response.refused_code else None

    async def change_reason(
        self, session_id: str, claim: str, *, reason: Reason, attempt_id: str
    ) -> Refused | None:
        """Say anew why the holder came."""
        request = sessions_pb2.ChangeReasonRequest(
            session_id=session_id, claim=claim, reason=_REASONS[reason], attempt_id=attempt_id
        )
        response = await self._stub.ChangeReason(request)
        return Refused(response.refused_code) if response.refused_code else None


def _view(response: sessions_pb2.GetSessionResponse) -> SessionView:
    state = named(sessions_pb2.SessionState, response.state, "SESSION_STATE_")
    if state not in State.__members__:
        # A newer gateway may know states that these pages do not.
        raise errors.internal("INTERNAL")
    reason = _REASONS_BACK.get(response.reason, Reason.LOCKED)
    card = response.card
    reader = named(sessions_pb2.ReaderState, response.reader, "READER_STATE_")
    return SessionView(
        version=response.version,
        state=State[state],
        code=response.code,
        reader=Reader.__members__.get(reader, Reader.UNSPECIFIED),
        words=tuple(response.words),
        agent_public_key=response.agent_public_key,
        deadline=instant(response.deadline),
        reason=reason,
        resolved_success=response.resolved_success,
        last_four=card.last_four,
        tries_left=card.pin_tries_left if card.HasField("pin_tries_left") else None,
        blocked=card.pin_blocked,
        objection=response.objection,
        code_needed=reason not in (Reason.CHANGE, Reason.SIGN_IN) or response.code_needed,
        pin_at_agent=response.pin_at_agent,
        in_person=response.route == common_pb2.ROUTE_RA_IN_PERSON,
        card_grant=response.card_grant,
    )
