"""How one of the three calls is carried to the gateway; what it says is `calls`' business."""

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from google.protobuf.message import Message
from smartcard_unlock.card_gateway.v1 import agents_pb2 as pb

A = TypeVar("A", bound=Message)

_SERVICE = "/smartcard_unlock.card_gateway.v1.AgentService"
MAX_ANSWER_BYTES = 64 * 1024
"""Longest answer that is read. Source: quality S42."""


@dataclass(frozen=True)
class Method(Generic[A]):
    """One call: its path, the same over gRPC and HTTPS/1.1, and what answers it."""

    path: str
    answer: type[A]


ATTACH = Method(f"{_SERVICE}/Attach", pb.AttachResponse)
NEXT_STEP = Method(f"{_SERVICE}/NextStep", pb.NextStepResponse)
REPORT_STEP = Method(f"{_SERVICE}/ReportStep", pb.ReportStepResponse)


class Transport(Protocol):
    """Carries calls. Raises ServiceError for what the gateway said, Unanswered where it said nothing."""

    async def call(self, method: Method[A], request: Message, seconds: float) -> A:
        """Make one call, within its time."""
        ...

    async def close(self) -> None:
        """Hang up."""
        ...


PROXY_CODES = frozenset({"PROXY_REFUSED", "PROXY_WANTS_LOGIN"})
"""What a proxy may answer in the gateway's place, as the person can tell it to IT."""


def proxy_code(status: int) -> str:
    """Return our code for the answer of a proxy that did not let us through."""
    return "PROXY_WANTS_LOGIN" if status == 407 else "PROXY_REFUSED"
