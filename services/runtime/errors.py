"""One typed error that crosses RPCs, with a stable code.

An expected "no" is an answer and never comes through here: these are the errors of a
broken call, a missing part or a defect. On the wire: google.rpc.ErrorInfo in grpc-status-details.
"""

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

DOMAIN = "smartcard-unlock"

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


def internal(code: str = "INTERNAL") -> ServiceError:
    """Return the error of a defect of ours."""
    return ServiceError(code, grpc.StatusCode.INTERNAL)


def to_status(error: ServiceError) -> "rpc_status._Status":
    """Return the error as a gRPC status with its code in ErrorInfo."""
    info = error_details_pb2.ErrorInfo(reason=error.code, domain=DOMAIN)
    if error.retry_after is not None:
        info.metadata["retry_after_seconds"] = f"{error.retry_after:.0f}"
    detail = any_pb2.Any()
    detail.Pack(info)
    status = status_pb2.Status(code=error.status.value[0], message=error.code, details=[detail])
    return rpc_status.to_status(status)


def from_rpc(error: grpc.aio.AioRpcError) -> ServiceError:
    """Return the error that a server of ours raised, or the transport's own as one of ours."""
    for detail in _details(error):
        if detail.domain == DOMAIN:
            retry = detail.metadata.get("retry_after_seconds")
            return ServiceError(detail.reason, error.code(), retry_after=float(retry) if retry else None)
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return ServiceError("DEADLINE_EXCEEDED", error.code())
    if error.code() is grpc.StatusCode.UNAVAILABLE:
        return unavailable()
    return ServiceError("INTERNAL", error.code())


def _details(error: grpc.aio.AioRpcError) -> list[error_details_pb2.ErrorInfo]:
    """Return the ErrorInfo entries of an RPC error; none where it carries none or is malformed."""
    raw = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    if not isinstance(raw, bytes):
        return []
    try:
        status = status_pb2.Status.FromString(raw)
    except ValueError:
        return []
    found = []
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            found.append(info)
    return found
