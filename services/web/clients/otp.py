"""otp, over gRPC."""

from typing import Any

import grpc
from smartcard_unlock.otp.v1 import (
    otp_pb2,
    otp_pb2_grpc,
    registration_codes_pb2,
    registration_codes_pb2_grpc,
)

from services.runtime import errors
from services.web import ports
from services.web.clients.wire import instant, named
from services.web.ports import (
    Asked,
    Cleared,
    CodeStatus,
    Delivery,
    EndedLock,
    Lock,
    LockCause,
    Locks,
    Redemption,
    Refused,
    Verdict,
    Why,
)

DIGITS_BEFORE = 8
"""Of a code from a service that does not say."""
CLEAR_REASONS = {name.removeprefix("CLEAR_REASON_"): number for name, number in otp_pb2.ClearReason.items()}


class GrpcOtp(ports.Otp):
    """otp."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = otp_pb2_grpc.OtpServiceStub(channel)

    async def issue_code(self, grant: str, attempt_id: str, asked: Asked) -> CodeStatus | Refused:
        """Have a code sent."""
        particulars = otp_pb2.CodeParticulars(card_last_four=asked.card_last_four, site=asked.site)
        request = otp_pb2.IssueCodeRequest(
            holder_grant=grant,
            attempt_id=attempt_id,
            client_address=asked.client_address,
            particulars=particulars,
        )
        return _issued(await self._stub.IssueCode(request))

    async def code_status(self, grant: str) -> CodeStatus | None:
        """Tell how the newest code stands."""
        request = otp_pb2.GetCodeStatusRequest(holder_grant=grant)
        response = await self._stub.GetCodeStatus(request)
        return _code_status(response.status) if response.HasField("status") else None

    async def redeem_code(self, grant: str, typed: str, attempt_id: str, client_address: str) -> Redemption:
        """Judge one entry."""
        request = otp_pb2.RedeemCodeRequest(
            holder_grant=grant, typed=typed, attempt_id=attempt_id, client_address=client_address
        )
        response = await self._stub.RedeemCode(request)
        return Redemption(_verdict(response), response.entries_left, response.unlock_grant)

    async def locks(self, profile_grant: str, holder_ref: str) -> Locks:
        """List the locks of a holder."""
        request = otp_pb2.ListLocksRequest(profile_grant=profile_grant, holder_ref=holder_ref)
        response = await self._stub.ListLocks(request)
        return Locks(tuple(map(_lock, response.locks)), tuple(map(_ended, response.ended)))

    async def end_lock(
        self, profile_grant: str, holder_ref: str, card_ref: str, why: Why
    ) -> Cleared | Refused:
        """End the lock of a holder's card."""
        request = otp_pb2.ClearLockRequest(
            profile_grant=profile_grant,
            holder_ref=holder_ref,
            card_ref=card_ref,
            attempt_id=why.attempt_id,
            reason=CLEAR_REASONS.get(why.reason, otp_pb2.CLEAR_REASON_UNSPECIFIED),
            note=why.note,
        )
        response = await self._stub.ClearLock(request)
        if response.WhichOneof("verdict") == "cleared":
            return Cleared(response.cleared.entries_left, response.cleared.wrong_in_year)
        return Refused(response.refused_code or "INTERNAL")


class GrpcRegistrationCodes(ports.Codes):
    """otp, for codes of a registration. R43, R58."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = registration_codes_pb2_grpc.RegistrationCodeServiceStub(channel)

    async def issue_code(self, grant: str, attempt_id: str, asked: Asked) -> CodeStatus | Refused:
        """Have a code sent."""
        particulars = otp_pb2.CodeParticulars(card_last_four=asked.card_last_four, site=asked.site)
        request = registration_codes_pb2.IssueRegistrationCodeRequest(
            registration_grant=grant,
            attempt_id=attempt_id,
            client_address=asked.client_address,
            particulars=particulars,
        )
        return _issued(await self._stub.IssueRegistrationCode(request))

    async def code_status(self, grant: str) -> CodeStatus | None:
        """Tell how the newest code stands."""
        request = registration_codes_pb2.GetRegistrationCodeStatusRequest(registration_grant=grant)
        response = await self._stub.GetRegistrationCodeStatus(request)
        return _code_status(response.status) if response.HasField("status") else None

    async def redeem_code(self, grant: str, typed: str, attempt_id: str, client_address: str) -> Redemption:
        """Judge one entry."""
        request = registration_codes_pb2.RedeemRegistrationCodeRequest(
            registration_grant=grant, typed=typed, attempt_id=attempt_id, client_address=client_address
        )
        response = await self._stub.RedeemRegistrationCode(request)
        return Redemption(_verdict(response), response.entries_left, response.mailbox_grant)


def _issued(response: Any) -> CodeStatus | Refused:
    if response.WhichOneof("verdict") == "issued":
        return _code_status(response.issued)
    refused = response.refused
    retry_at = instant(refused.retry_at) if refused.HasField("retry_at") else None
    return Refused(refused.code or "INTERNAL", None, retry_at)


def _verdict(response: Any) -> Verdict:
    verdict = named(otp_pb2.RedeemVerdict, response.verdict, "REDEEM_VERDICT_")
    if verdict not in Verdict.__members__:
        raise errors.internal("INTERNAL")
    return Verdict[verdict]


def _lock(lock: otp_pb2.HeldLock) -> Lock:
    cause = named(otp_pb2.LockCause, lock.cause, "LOCK_CAUSE_")
    return Lock(
        card_ref=lock.card_ref,
        since=instant(lock.since),
        cause=LockCause.__members__.get(cause, LockCause.UNSPECIFIED),
        ends_at=instant(lock.ends_at) if lock.HasField("ends_at") else None,
        wrong_in_year=lock.wrong_in_year,
    )


def _ended(ended: otp_pb2.EndedLock) -> EndedLock:
    reason = named(otp_pb2.ClearReason, ended.reason, "CLEAR_REASON_")
    known = "" if reason == "UNSPECIFIED" else reason
    return EndedLock(instant(ended.at), ended.card_ref, ended.actor_ref, known, ended.note)


def _code_status(status: otp_pb2.CodeStatus) -> CodeStatus:
    delivery = named(otp_pb2.DeliveryState, status.delivery, "DELIVERY_STATE_")
    return CodeStatus(
        delivery=Delivery.__members__.get(delivery, Delivery.QUEUED),
        delivery_reason=status.delivery_reason,
        expires_at=instant(status.expires_at),
        entries_left=status.entries_left,
        resends_left=status.resends_left,
        next_code_at=instant(status.next_code_at),
        live=status.live,
        digits=status.digits or DIGITS_BEFORE,
    )
