"""Codes of a registration, gRPC to use cases and back: translation only."""

from typing import Any

from smartcard_unlock.otp.v1 import otp_pb2 as otp
from smartcard_unlock.otp.v1 import registration_codes_pb2 as wire
from smartcard_unlock.otp.v1 import registration_codes_pb2_grpc

from services.otp.domain.issue import Refusal
from services.otp.servicer import asked_at, attempt_of, entry_of, refused_message, status_message
from services.otp.use_cases import OneTimeCodes


class RegistrationCodeServicer(registration_codes_pb2_grpc.RegistrationCodeServiceServicer):
    """RegistrationCodeService. Errors (GrantRefused, ServiceError) become statuses in the server."""

    def __init__(self, codes: OneTimeCodes) -> None:
        self._codes = codes

    async def IssueRegistrationCode(  # noqa: N802
        self, request: wire.IssueRegistrationCodeRequest, context: Any
    ) -> wire.IssueRegistrationCodeResponse:
        """Issue a code, or say why not."""
        grant, attempt_id = request.registration_grant, attempt_of(request.attempt_id)
        answer = await self._codes.issue(grant, attempt_id, asked_at(request))
        if isinstance(answer, Refusal):
            return wire.IssueRegistrationCodeResponse(refused=refused_message(answer))
        return wire.IssueRegistrationCodeResponse(issued=status_message(answer))

    async def GetRegistrationCodeStatus(  # noqa: N802
        self, request: wire.GetRegistrationCodeStatusRequest, context: Any
    ) -> wire.GetRegistrationCodeStatusResponse:
        """Tell how the newest code stands."""
        answer = await self._codes.status(request.registration_grant)
        return wire.GetRegistrationCodeStatusResponse(
            status=None if answer is None else status_message(answer)
        )

    async def RedeemRegistrationCode(  # noqa: N802
        self, request: wire.RedeemRegistrationCodeRequest, context: Any
    ) -> wire.RedeemRegistrationCodeResponse:
        """Judge one entry."""
        typed, attempt_id = entry_of(request.typed), attempt_of(request.attempt_id)
        answer = await self._codes.redeem(
            request.registration_grant, typed, attempt_id, request.client_address
        )
        return wire.RedeemRegistrationCodeResponse(
            verdict=otp.RedeemVerdict.Value(f"REDEEM_VERDICT_{answer.verdict.value}"),
            entries_left=answer.entries_left,
            mailbox_grant=answer.grant,
        )
