"""The three calls as POST over HTTPS/1.1: for where a proxy or another box on the way spoils HTTP/2."""

import asyncio
import re
import ssl
from collections.abc import Mapping

import httpx
from google.protobuf.message import DecodeError, Message
from grpc import StatusCode

from services.agent.enrolment import Enrolment
from services.agent.transport import MAX_ANSWER_BYTES, A, Method, proxy_code
from services.runtime.errors import Unanswered, from_message, unanswered
from services.runtime.grpc_tls import server_name

PROTOBUF = "application/x-protobuf"
_ALERT = re.compile(r"alert (certificate|unknown ca|bad certificate)")
"""OpenSSL's words for what a server says of a client's certificate. Source: RFC 8446, 6.2."""
CONNECT_SECONDS = 10.0
"""For the connection, through proxy and TLS."""


class OverHttps:
    """Connections to the gateway's HTTPS/1.1 listener for agents."""

    def __init__(self, address: str, enrolment: Enrolment, proxy: str) -> None:
        self._address, self._enrolment, self._proxied = address, enrolment, bool(proxy)
        context = NamedContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(enrolment.ca)
        enrolment.show_in(context)
        self._client = httpx.AsyncClient(
            base_url=f"https://{address}",
            verify=context,
            proxy=proxy or None,
            trust_env=False,
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
        )

    async def call(self, method: Method[A], request: Message, seconds: float) -> A:
        """Make one call, within its time. Raises ServiceError, Unanswered."""
        try:
            async with asyncio.timeout(seconds):
                status, kind, body = await self._posted(method.path, request.SerializeToString())
        except TimeoutError:
            raise unanswered(StatusCode.DEADLINE_EXCEEDED) from None
        except httpx.ProxyError as error:
            answer = str(error)[:3]
            code = proxy_code(int(answer)) if answer.isdigit() else "SERVICE_UNAVAILABLE"
            raise Unanswered(code, StatusCode.UNAVAILABLE) from None
        except httpx.HTTPError as error:
            if code := await self._why_hung_up(error):
                raise Unanswered(code, StatusCode.UNAVAILABLE) from None
            raise unanswered(StatusCode.UNAVAILABLE, str(error)) from None
        return _read(method, status, kind, body)

    async def _why_hung_up(self, error: httpx.HTTPError) -> str:
        """Our code where the gateway takes no connection with our certificate; empty for all else.

        Through a proxy only the gateway's own alert tells: others hang up there too.
        """
        if _ALERT.search(str(error)):
            return self._enrolment.likeliest_fault()
        if self._proxied or isinstance(error, httpx.ConnectError):
            return ""
        return await asyncio.to_thread(self._enrolment.why_refused, self._address, ("http/1.1",))

    async def close(self) -> None:
        """Hang up."""
        await self._client.aclose()

    async def _posted(self, path: str, content: bytes) -> tuple[int, str, bytes]:
        headers: Mapping[str, str] = {"content-type": PROTOBUF}
        async with self._client.stream("POST", path, content=content, headers=headers) as response:
            body = bytearray()
            async for part in response.aiter_raw():
                body += part
                if len(body) > MAX_ANSWER_BYTES:
                    raise httpx.RemoteProtocolError("too long an answer")
            return response.status_code, response.headers.get("content-type", ""), bytes(body)


def _read(method: Method[A], status: int, kind: str, body: bytes) -> A:
    """Return the answer. Raises ServiceError for what the gateway said, Unanswered for a stranger's words."""
    if kind == PROTOBUF:
        if status != httpx.codes.OK:
            raise from_message(body) or unanswered(StatusCode.UNAVAILABLE)
        try:
            return method.answer.FromString(body)
        except DecodeError:
            pass
    raise unanswered(StatusCode.UNAVAILABLE)


class NamedContext(ssl.SSLContext):
    """Asks every server for the gateway's own name, whatever address it was reached at."""

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Begin TLS with the name of the gateway's certificate."""
        return super().wrap_bio(incoming, outgoing, server_side, server_name("card_gateway"), session)
