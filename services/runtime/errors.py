"""One typed error that crosses RPCs, with a stable code.

An expected "no" is an answer and never comes through here: these are the errors of a
broken call, a missing part or a defect. On the wire: google.rpc.ErrorInfo in grpc-status-details.
"""

import re
from contextlib import suppress

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

DOMAIN = "smartcard-unlock"

ATTEMPT_OVER = "ATTEMPT_OVER"
"""The attempt was answered so long ago that it is not answered again: begin another."""
GATEWAY_BUSY = "GATEWAY_BUSY"
"""More calls than are answered: come again after the hint."""

_RETRYABLE = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED})


class ServiceError(Exception):
    """A call that could not be answered. `code` is stable; the text is for people who read logs."""

    def __init__(self, code: str, status: grpc.StatusCode, *, retry_after: float | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.retry_after = retry_after

    @property
    def retryable(self) -> bool:
        """True where the same call may succeed later without a change."""
        return self.status in _RETRYABLE


class Unanswered(ServiceError):
    """No server of ours said this: the transport failed, or something between us spoke in its place.

    `reason` is the transport's own text, to judge by and never to log.
    """

    def __init__(self, code: str, status: grpc.StatusCode, reason: str = "") -> None:
        super().__init__(code, status)
        self.reason = reason


def invalid(code: str = "BAD_REQUEST") -> ServiceError:
    """Return the error of a request that no retry will make right."""
    return ServiceError(code, grpc.StatusCode.INVALID_ARGUMENT)


def not_found(code: str) -> ServiceError:
    """Return the error of a thing that is not there."""
    return ServiceError(code, grpc.StatusCode.NOT_FOUND)


def unauthenticated(code: str) -> ServiceError:
    """Return the error of a caller who proved nothing."""
    return ServiceError(code, grpc.StatusCode.UNAUTHENTICATED)


def not_allowed(code: str = "NOT_ALLOWED") -> ServiceError:
    """Return the error of a known caller who may not make this call."""
    return ServiceError(code, grpc.StatusCode.PERMISSION_DENIED)


def unavailable(code: str = "SERVICE_UNAVAILABLE", retry_after: float | None = None) -> ServiceError:
    """Return the error of a part that is away; `retry_after` in seconds."""
    return ServiceError(code, grpc.StatusCode.UNAVAILABLE, retry_after=retry_after)


def exhausted(code: str, retry_after: float) -> ServiceError:
    """Return the error of a call that is made too often; `retry_after` in seconds."""
    return ServiceError(code, grpc.StatusCode.RESOURCE_EXHAUSTED, retry_after=retry_after)


def internal(code: str = "INTERNAL") -> ServiceError:
    """Return the error of a defect of ours."""
    return ServiceError(code, grpc.StatusCode.INTERNAL)


def to_message(error: ServiceError) -> status_pb2.Status:
    """Return the error as a google.rpc.Status with its code in ErrorInfo."""
    info = error_details_pb2.ErrorInfo(reason=error.code, domain=DOMAIN)
    if error.retry_after is not None:
        info.metadata["retry_after_seconds"] = f"{error.retry_after:.0f}"
    detail = any_pb2.Any()
    detail.Pack(info)
    return status_pb2.Status(code=error.status.value[0], message=error.code, details=[detail])


def to_status(error: ServiceError) -> "rpc_status._Status":
    """Return the error as a gRPC status with its code in ErrorInfo."""
    return rpc_status.to_status(to_message(error))


def from_rpc(error: grpc.aio.AioRpcError) -> ServiceError:
    """Return the error that a server of ours raised, or the transport's own as one of ours."""
    raw = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    told = from_message(raw) if isinstance(raw, bytes) else None
    return told or unanswered(error.code(), error.details() or "")


def from_message(raw: bytes) -> ServiceError | None:
    """Return the error in a google.rpc.Status that a server of ours made; None where it is none of ours."""
    try:
        told = status_pb2.Status.FromString(raw)
    except DecodeError:
        return None
    status = _STATUS.get(told.code, grpc.StatusCode.UNKNOWN)
    for detail in _details(told):
        if detail.domain == DOMAIN:
            return ServiceError(detail.reason, status, retry_after=_retry_after(detail))
    return None


def _retry_after(info: error_details_pb2.ErrorInfo) -> float | None:
    """Return the seconds that a peer asks us to wait; none where it says no number of at most four digits."""
    seconds = info.metadata.get("retry_after_seconds", "")
    return float(seconds) if re.fullmatch(r"[0-9]{1,4}", seconds) else None


def unanswered(status: grpc.StatusCode, reason: str = "") -> Unanswered:
    """Return the transport's own error as one of ours."""
    return Unanswered(_TRANSPORT.get(status, "INTERNAL"), status, reason)


_TRANSPORT = {
    grpc.StatusCode.DEADLINE_EXCEEDED: "DEADLINE_EXCEEDED",
    grpc.StatusCode.UNAVAILABLE: "SERVICE_UNAVAILABLE",
}


_STATUS = {status.value[0]: status for status in grpc.StatusCode}


def _details(status: status_pb2.Status) -> list[error_details_pb2.ErrorInfo]:
    """Return the ErrorInfo entries of a status."""
    found = []
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        with suppress(DecodeError):
            if detail.Unpack(info):
                found.append(info)
    return found
