"""gRPC to use cases and back: translation only."""

import re
from typing import Any

from smartcard_unlock.otp.v1 import otp_pb2 as otp
from smartcard_unlock.otp.v1 import otp_pb2_grpc

from services.otp.clearing import Clearing
from services.otp.domain.code import Particulars
from services.otp.domain.ended_lock import ClearReason, EndedLock, Why
from services.otp.domain.issue import Refusal
from services.otp.domain.status import Status
from services.otp.domain.tally import Lock
from services.otp.use_cases import Asked, OneTimeCodes
from services.runtime.errors import invalid
from services.runtime.timestamps import timestamp_of

LONGEST_ENTRY = 32
"""Characters. Source: RedeemCodeRequest.typed."""

_ATTEMPT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


class OtpServicer(otp_pb2_grpc.OtpServiceServicer):
    """OtpService. Errors (GrantRefused, ServiceError) become statuses in the server."""

    def __init__(self, codes: OneTimeCodes, clearing: Clearing) -> None:
        self._codes = codes
        self._clearing = clearing

    async def IssueCode(  # noqa: N802
        self, request: otp.IssueCodeRequest, context: Any
    ) -> otp.IssueCodeResponse:
        """Issue a code, or say why not."""
        answer = await self._codes.issue(
            request.holder_grant, attempt_of(request.attempt_id), asked_at(request)
        )
        if isinstance(answer, Refusal):
            return otp.IssueCodeResponse(refused=refused_message(answer))
        return otp.IssueCodeResponse(issued=status_message(answer))

    async def GetCodeStatus(  # noqa: N802
        self, request: otp.GetCodeStatusRequest, context: Any
    ) -> otp.GetCodeStatusResponse:
        """Tell how the newest code stands."""
        answer = await self._codes.status(request.holder_grant)
        return otp.GetCodeStatusResponse(status=None if answer is None else status_message(answer))

    async def RedeemCode(  # noqa: N802
        self, request: otp.RedeemCodeRequest, context: Any
    ) -> otp.RedeemCodeResponse:
        """Judge one entry."""
        typed, attempt_id = entry_of(request.typed), attempt_of(request.attempt_id)
        answer = await self._codes.redeem(request.holder_grant, typed, attempt_id, request.client_address)
        return otp.RedeemCodeResponse(
            verdict=otp.RedeemVerdict.Value(f"REDEEM_VERDICT_{answer.verdict.value}"),
            entries_left=answer.entries_left,
            unlock_grant=answer.grant,
        )

    async def ListLocks(  # noqa: N802
        self, request: otp.ListLocksRequest, context: Any
    ) -> otp.ListLocksResponse:
        """List the locks of one holder."""
        locks = await self._clearing.locks(request.profile_grant, request.holder_ref)
        return otp.ListLocksResponse(locks=map(_held, locks.held), ended=map(_ended, locks.ended))

    async def ClearLock(  # noqa: N802
        self, request: otp.ClearLockRequest, context: Any
    ) -> otp.ClearLockResponse:
        """End a lock, or say why not."""
        answer = await self._clearing.clear(
            request.profile_grant,
            request.holder_ref,
            request.card_ref,
            _why(request),
            attempt_of(request.attempt_id),
        )
        if isinstance(answer, str):
            return otp.ClearLockResponse(refused_code=answer)
        return otp.ClearLockResponse(
            cleared=otp.LockCleared(entries_left=answer.entries_left, wrong_in_year=answer.wrong_in_year)
        )


def attempt_of(attempt_id: str) -> str:
    """Return the attempt id, which must be a UUID in lower case. Raises BAD_REQUEST."""
    if not _ATTEMPT.match(attempt_id):
        raise invalid()
    return attempt_id


def entry_of(typed: str) -> str:
    """Return what was typed; empty, which is no code, where it is too long."""
    return typed if len(typed) <= LONGEST_ENTRY else ""


def asked_at(request: Any) -> Asked:
    """Return where a code was asked for."""
    said = request.particulars
    return Asked(request.client_address, Particulars(_shown(said.card_last_four), _shown(said.site)))


def _why(request: otp.ClearLockRequest) -> Why:
    """Return the reason of a request; None for one that this version does not know."""
    named = {otp.ClearReason.Value(f"CLEAR_REASON_{reason.value}"): reason for reason in ClearReason}
    return Why(named.get(request.reason), request.note)


def _held(lock: Lock) -> otp.HeldLock:
    return otp.HeldLock(
        card_ref=lock.card_ref,
        since=timestamp_of(lock.since),
        cause=otp.LockCause.Value(f"LOCK_CAUSE_{lock.cause.value}"),
        ends_at=timestamp_of(lock.ends_at) if lock.ends_at else None,
        wrong_in_year=lock.wrong_in_year,
    )


def _ended(ended: EndedLock) -> otp.EndedLock:
    reason = ended.why.reason
    return otp.EndedLock(
        at=timestamp_of(ended.at),
        card_ref=ended.card_ref,
        actor_ref=ended.actor_ref,
        reason=otp.ClearReason.Value(f"CLEAR_REASON_{reason.value if reason else 'UNSPECIFIED'}"),
        note=ended.why.note,
    )


def _shown(text: str) -> str:
    """Return a text that may stand in a mail: printable, on one line."""
    return text if text.isprintable() else ""


def refused_message(answer: Refusal) -> otp.IssueRefused:
    """Return why no code was issued."""
    return otp.IssueRefused(code=answer.code, retry_at=timestamp_of(answer.retry_at))


def status_message(status: Status) -> otp.CodeStatus:
    """Return how a code stands."""
    return otp.CodeStatus(
        code_id=status.code_id,
        delivery=otp.DeliveryState.Value(f"DELIVERY_STATE_{status.delivery.value}"),
        delivery_reason=status.delivery_reason,
        expires_at=timestamp_of(status.expires_at),
        entries_left=status.entries_left,
        resends_left=status.resends_left,
        next_code_at=timestamp_of(status.next_code_at),
        live=status.live,
        digits=status.digits,
    )
