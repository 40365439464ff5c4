"""The three calls over gRPC: the better way, one connection for all of them, which notices its own end."""

import asyncio
import re

from google.protobuf.message import Message
from grpc import StatusCode, ssl_channel_credentials
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.agent.enrolment import Enrolment
from services.agent.transport import MAX_ANSWER_BYTES, A, Method, proxy_code
from services.runtime.errors import ServiceError, Unanswered
from services.runtime.grpc_client import Way, secure_channel
from services.runtime.grpc_tls import server_name

HTTP2_SECONDS = 5.0
"""No answer over HTTP/2 within this time means that it does not get through."""

_NOT_CONNECTED = "failed to connect"
_REFUSED = re.compile(r"HTTP proxy returned response code (\d{3})")


class OverGrpc:
    """A channel to the gateway's gRPC listener for agents."""

    def __init__(self, address: str, enrolment: Enrolment, proxy: str) -> None:
        self._address, self._enrolment, self._proxied = address, enrolment, bool(proxy)
        credentials = ssl_channel_credentials(enrolment.ca.read_bytes(), *enrolment.pair())
        # No retries of its own: whoever calls repeats, and must know how long a poll was before it was cut.
        way = Way(proxy, HTTP2_SECONDS, retries=False, max_answer_bytes=MAX_ANSWER_BYTES)
        self._channel = secure_channel(server_name("card_gateway"), address, credentials, way)
        self._health = health_pb2_grpc.HealthStub(self._channel)

    async def call(self, method: Method[A], request: Message, seconds: float) -> A:
        """Make one call, within its time. Raises ServiceError, Unanswered."""
        call = self._channel.unary_unary(
            method.path,
            request_serializer=type(request).SerializeToString,
            response_deserializer=method.answer.FromString,
        )
        try:
            answer: A = await call(request, timeout=seconds)
        except Unanswered as error:
            if refused := _REFUSED.search(error.reason):
                raise Unanswered(proxy_code(int(refused[1])), StatusCode.UNAVAILABLE) from None
            if code := await self._why_hung_up(error):
                raise Unanswered(code, StatusCode.UNAVAILABLE) from None
            raise
        return answer

    async def _why_hung_up(self, error: Unanswered) -> str:
        """Our code where the gateway takes no connection with our certificate; empty for all else."""
        if self._proxied or _NOT_CONNECTED not in error.reason:
            return ""
        return await asyncio.to_thread(self._enrolment.why_refused, self._address, ("h2",))

    async def gets_through(self) -> bool:
        """Tell whether a whole call gets there and back in time."""
        try:
            await self._health.Check(health_pb2.HealthCheckRequest(), timeout=HTTP2_SECONDS)
        except Unanswered:
            return False
        except ServiceError:
            return True
        return True

    async def close(self) -> None:
        """Hang up."""
        await self._channel.close()
