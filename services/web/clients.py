"""The processes that pages ask, over gRPC: translation only, no rules."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from smartcard_unlock.audit.v1 import audit_pb2, audit_pb2_grpc
from smartcard_unlock.card_gateway.v1 import card_gateway_pb2 as sessions_pb2
from smartcard_unlock.card_gateway.v1 import card_gateway_pb2_grpc
from smartcard_unlock.common.v1 import common_pb2
from smartcard_unlock.identity.v1 import identity_pb2, identity_pb2_grpc
from smartcard_unlock.otp.v1 import otp_pb2, otp_pb2_grpc

from services.runtime import errors
from services.runtime.grpc_client import DEADLINE_SECONDS
from services.web import ports
from services.web.domain.journey import Reason, State
from services.web.ports import (
    Claimed,
    CodeStatus,
    Delivery,
    Holder,
    Reader,
    Redemption,
    Refused,
    RegistrationAuthority,
    SavedTime,
    SessionView,
    Verdict,
)

_REASONS: Mapping[Reason, "common_pb2.Reason.ValueType"] = {
    Reason.LOCKED: common_pb2.REASON_LOCKED,
    Reason.FORGOTTEN: common_pb2.REASON_FORGOTTEN,
}
_REASONS_BACK = {number: reason for reason, number in _REASONS.items()}


def _instant(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(tzinfo=UTC)


def _ra(message: common_pb2.RegistrationAuthority) -> RegistrationAuthority:
    return RegistrationAuthority(message.name, message.telephone, message.email, message.opening_hours)


def _named(kind: Any, number: int, prefix: str) -> str:
    """Return an enum's name without its prefix; empty for a value that only a newer process knows."""
    try:
        return str(kind.Name(number)).removeprefix(prefix)
    except ValueError:
        return ""


class GrpcGateway(ports.Gateway):
    """card_gateway."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = card_gateway_pb2_grpc.SessionServiceStub(channel)

    async def start_session(
        self, *, address_token: str, pairing_code: str, reason: Reason, attempt_id: str, client_address: str
    ) -> Claimed | Refused:
        """Claim the session an agent offers."""
        request = sessions_pb2.StartSessionRequest(
            reason=_REASONS[reason],
            route=common_pb2.ROUTE_SELF,
            attempt_id=attempt_id,
            client_address=client_address,
        )
        if pairing_code:
            request.pairing_code = pairing_code
        else:
            request.address_token = address_token
        response = await self._stub.StartSession(request)
        if response.WhichOneof("verdict") == "claimed":
            claimed = response.claimed
            return Claimed(claimed.session_id, claimed.claim, _instant(claimed.deadline))
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
        self, session_id: str, claim: str, *, sealed_pin: bytes, holder_grant: str, attempt_id: str
    ) -> Refused | None:
        """Have the agent set a new PIN."""
        request = sessions_pb2.ResetPinRequest(
            session_id=session_id,
            claim=claim,
            sealed_pin=sealed_pin,
            holder_grant=holder_grant,
            attempt_id=attempt_id,
        )
        response = await self._stub.ResetPin(request)
        return Refused(response.refused_code) if response.refused_code else None


def _view(response: sessions_pb2.GetSessionResponse) -> SessionView:
    state = _named(sessions_pb2.SessionState, response.state, "SESSION_STATE_")
    if state not in State.__members__:
        # A newer gateway may know states that these pages do not.
        raise errors.internal("INTERNAL")
    reader = _named(sessions_pb2.ReaderState, response.reader, "READER_STATE_")
    return SessionView(
        version=response.version,
        state=State[state],
        code=response.code,
        reader=Reader.__members__.get(reader, Reader.UNSPECIFIED),
        words=tuple(response.words),
        agent_public_key=response.agent_public_key,
        deadline=_instant(response.deadline),
        reason=_REASONS_BACK.get(response.reason, Reason.LOCKED),
        resolved_success=response.resolved_success,
        last_four=response.card.last_four,
        card_grant=response.card_grant,
    )


class GrpcIdentity(ports.Identity):
    """identity."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = identity_pb2_grpc.IdentityServiceStub(channel)

    async def resolve_holder(self, card_grant: str) -> Holder | Refused:
        """Judge anew whether the holder may unlock now."""
        response = await self._stub.ResolveHolder(identity_pb2.ResolveHolderRequest(card_grant=card_grant))
        if response.WhichOneof("verdict") == "resolved":
            found = response.resolved
            return Holder(found.holder_grant, found.masked_address, _ra(found.registration_authority))
        refused = response.refused
        ra = _ra(refused.registration_authority) if refused.HasField("registration_authority") else None
        return Refused(refused.code or "INTERNAL", ra)


class GrpcOtp(ports.Otp):
    """otp."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = otp_pb2_grpc.OtpServiceStub(channel)

    async def issue_code(self, holder_grant: str, attempt_id: str) -> CodeStatus | Refused:
        """Have a code sent."""
        request = otp_pb2.IssueCodeRequest(holder_grant=holder_grant, attempt_id=attempt_id)
        response = await self._stub.IssueCode(request)
        if response.WhichOneof("verdict") == "issued":
            return _code_status(response.issued)
        refused = response.refused
        retry_at = _instant(refused.retry_at) if refused.HasField("retry_at") else None
        return Refused(refused.code or "INTERNAL", None, retry_at)

    async def code_status(self, holder_grant: str) -> CodeStatus | None:
        """Tell how the newest code stands."""
        request = otp_pb2.GetCodeStatusRequest(holder_grant=holder_grant)
        response = await self._stub.GetCodeStatus(request)
        return _code_status(response.status) if response.HasField("status") else None

    async def redeem_code(self, holder_grant: str, typed: str, attempt_id: str) -> Redemption:
        """Judge one entry."""
        request = otp_pb2.RedeemCodeRequest(holder_grant=holder_grant, typed=typed, attempt_id=attempt_id)
        response = await self._stub.RedeemCode(request)
        verdict = _named(otp_pb2.RedeemVerdict, response.verdict, "REDEEM_VERDICT_")
        if verdict not in Verdict.__members__:
            raise errors.internal("INTERNAL")
        return Redemption(Verdict[verdict], response.entries_left, response.unlock_grant)


def _code_status(status: otp_pb2.CodeStatus) -> CodeStatus:
    delivery = _named(otp_pb2.DeliveryState, status.delivery, "DELIVERY_STATE_")
    return CodeStatus(
        delivery=Delivery.__members__.get(delivery, Delivery.QUEUED),
        delivery_reason=status.delivery_reason,
        expires_at=_instant(status.expires_at),
        entries_left=status.entries_left,
        resends_left=status.resends_left,
        next_code_at=_instant(status.next_code_at),
        live=status.live,
    )


class GrpcAudit(ports.Audit):
    """The audit reader."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = audit_pb2_grpc.AuditServiceStub(channel)

    async def saved_time(self) -> SavedTime:
        """Sum the time saved so far."""
        answer = await self._stub.GetSavedTime(audit_pb2.GetSavedTimeRequest())
        return SavedTime(
            unlocks=answer.unlocks,
            repeats=answer.repeats_within_24_hours,
            minutes_each=answer.minutes_each,
            saved_minutes=answer.saved_minutes,
            saved_hours=answer.saved_hours,
            session_minutes=answer.session_minutes,
            last_words=tuple(
                (_named(common_pb2.OutcomeKind, word.kind, "OUTCOME_KIND_"), word.code, word.sessions)
                for word in answer.last_words
            ),
        )
